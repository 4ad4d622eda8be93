//! Prints what the module is made of, as deep as wanted.

use super::{Callback, CallbackContext, CallbackInfo};
use crate::{
    error::Result,
    module::{LightningModule, summary_of},
};

/// Prints the model summary with more than the module's own fields, in place of the trainer's.
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
    /// The module's fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many levels of modules are shown; 1 is the fields, 0 the totals alone.
    #[must_use]
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.depth = levels;
        self
    }

    /// Shows every module.
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
