//! Changes the number of batches of an optimizer step from epoch to epoch.

use std::collections::BTreeMap;

use super::Callback;
use crate::error::{Error, Result};

/// Changes `accumulate_grad_batches` at given epochs: large steps first, small ones later, or the other way round.
///
/// The schedule has, for an epoch counted from 0, how many batches an optimizer step is made of from there on; before its first epoch it
/// is one. The gradient of a step is the mean over its batches, and the last window of an epoch is divided by its own size.
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
/// // A step on every batch in the epochs 0 and 1, on every fourth from epoch 2 on.
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
/// `build` refuses it beside an `accumulate_grad_batches` other than 1, and for a module that optimizes by itself.
/// `cx.estimated_optimizer_steps()` knows the schedule, which PyTorch Lightning's estimate does not.
#[derive(Clone, Debug)]
pub struct GradientAccumulationScheduler {
    schedule: Vec<(u64, u64)>,
}

impl GradientAccumulationScheduler {
    /// So many batches a step, from the given epochs on: `[(epoch, batches), …]`.
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
                return wrong(format!("0 batches a step from epoch {epoch} on"), "use 1 for a step on every batch");
            }
            if epochs.insert(epoch, batches).is_some() {
                return wrong(format!("epoch {epoch} is given twice"), "give one number of batches for an epoch");
            }
        }
        if epochs.is_empty() {
            return wrong("the schedule is empty".to_owned(), "give at least one epoch, as in `[(4, 2)]`");
        }
        Ok(())
    }

    fn accumulation(&self) -> Option<BTreeMap<u64, u64>> {
        Some(self.schedule.iter().map(|(epoch, batches)| (*epoch, (*batches).max(1))).collect())
    }
}
