//! Sets the depth of the model summary.

use super::{Callback, CallbackInfo};
use crate::module::LightningModule;

/// Sets the depth of the model summary, as
/// [`summary_depth`](crate::trainer::TrainerBuilder::summary_depth) does.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::ModelSummary, prelude::*};
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
///
/// let trainer = Net::trainer().callback(ModelSummary::new().max_depth(3));
/// # let _ = trainer;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ModelSummary {
    depth: usize,
}

impl Default for ModelSummary {
    fn default() -> Self {
        Self { depth: 1 }
    }
}

impl ModelSummary {
    /// Shows the module's fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many levels of modules are shown: 0 shows only the totals, 1 the fields. Default 1.
    #[must_use]
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.depth = levels;
        self
    }

    /// Shows all levels.
    #[must_use]
    pub fn all(self) -> Self {
        self.max_depth(usize::MAX)
    }
}

impl<M: LightningModule> Callback<M> for ModelSummary {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().summary_depth(self.depth)
    }
}
