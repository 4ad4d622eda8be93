//! Prints the structure of the module, to a given depth.

use super::{Callback, CallbackContext, CallbackInfo};
use crate::{
    error::Result,
    module::{LightningModule, summary_of},
};

/// Prints the model summary to a given depth, in place of the trainer's own summary.
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
        CallbackInfo::new().prints_model_summary()
    }

    fn on_fit_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let text = summary_of(&cx.info, cx.view.train, self.depth, |visitor| crate::params::visit(&*module, visitor))?;
        cx.print(text);
        Ok(())
    }
}
