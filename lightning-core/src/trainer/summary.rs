//! The summary of a module for one batch.

use super::{Trainer, plan::training_form};
use crate::{
    batch::StepBatch,
    error::Result,
    module::{LightningModule, ModuleInfo, Summary},
    optim::TrainState,
    params::visit,
};

impl<M: LightningModule> Trainer<M> {
    /// Returns what the layers of `module` take, return and cost for a batch such as `batch`: shapes,
    /// parameters, multiply-adds, and the memory of a training step. It is computed from a recording
    /// of `forward`, or `predict_step` without one; no value is computed and nothing is changed. The
    /// state of the optimizers is known after `fit`, and in the summary that `fit` prints.
    ///
    /// # Errors
    /// If the module has neither method, or it cannot be recorded: it reads values, for example.
    /// `fit` prints the parameters of any module.
    pub fn summary<B: StepBatch>(&self, module: &M, batch: &B) -> Result<Summary> {
        of(module, batch, &self.run.train)
    }
}

/// The summary with these optimizers.
pub(super) fn of<M: LightningModule, B: StepBatch>(module: &M, batch: &B, train: &TrainState) -> Result<Summary> {
    let (recording, samples) = module.onnx(batch).forward_recording()?;
    let training = training_form(module);
    Summary::of(&ModuleInfo::of::<M>(), train, Some((&recording, samples)), |visitor| visit(&training, visitor))
}
