//! Changes the number of batches per optimizer step during training.

use std::collections::BTreeMap;

use super::{Callback, CallbackInfo};
use crate::error::{Error, Result};

/// Changes `accumulate_grad_batches` at given epochs.
///
/// The schedule maps an epoch, counted from 0, to the number of batches per optimizer step from
/// that epoch on. Before its first epoch the number is 1. The gradient of a step is the mean over
/// its batches; the last step of an epoch is divided by the number of batches it has.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::GradientAccumulationScheduler, prelude::*};
/// # #[lightning_module]
/// # #[optimizer(SgdConfig::new(), lr = 0.1)]
/// # struct Net {
/// #     #[init(LinearConfig::new(4, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(batch).mean()
/// #     }
/// # }
/// # let mut net = Net::new(NetHparams::default());
/// # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([2, 4], &Default::default()); 8])?;
///
/// // A step for every batch in epochs 0 and 1, for every fourth from epoch 2 on.
/// let accumulation = GradientAccumulationScheduler::new([(2, 4)]);
/// let mut trainer = Net::trainer().max_epochs(3).callback(accumulation)
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// let report = trainer.fit(&mut net, data)?; // of 8 batches
/// assert_eq!(report.global_step, 8 + 8 + 2);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// `build` rejects it together with an `accumulate_grad_batches` other than 1, and for a module
/// with manual optimization. `cx.estimated_optimizer_steps()` takes the schedule into account.
#[derive(Clone, Debug)]
pub struct GradientAccumulationScheduler {
    schedule: Vec<(u64, u64)>,
}

impl GradientAccumulationScheduler {
    /// Creates a schedule of pairs `(epoch, batches)`: `batches` per optimizer step from `epoch`
    /// on.
    pub fn new(scheduling: impl IntoIterator<Item = (u64, u64)>) -> Self {
        Self { schedule: scheduling.into_iter().collect() }
    }
}

impl<M> Callback<M> for GradientAccumulationScheduler {
    fn check(&self) -> Result<()> {
        let wrong = |what: String, help: &str| {
            Err(Error::config(format!("`GradientAccumulationScheduler`: {what}")).help(help.to_owned()))
        };
        let mut epochs = BTreeMap::new();
        for (epoch, batches) in &self.schedule {
            if *batches == 0 {
                return wrong(
                    format!("the batches per step must be at least 1, found 0 from epoch {epoch} on"),
                    "write 1 for an optimizer step after every batch",
                );
            }
            if epochs.insert(epoch, batches).is_some() {
                return wrong(
                    format!("an epoch must not be repeated, found epoch {epoch} twice"),
                    "write one entry for each epoch",
                );
            }
        }
        if epochs.is_empty() {
            return wrong("the schedule must not be empty, found `[]`".to_owned(), "write `[(4, 2)]`");
        }
        Ok(())
    }

    fn info(&self) -> CallbackInfo {
        CallbackInfo::new()
            .accumulation(self.schedule.iter().map(|(epoch, batches)| (*epoch, (*batches).max(1))).collect())
    }
}
