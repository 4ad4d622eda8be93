//! Exporting the best model of a trainer.

use std::path::Path;

use super::Trainer;
use crate::{
    batch::StepBatch,
    checkpoint::Checkpoint,
    error::{Error, ErrorKind, Result},
    module::{LightningModule, apply},
};

impl<M: LightningModule> Trainer<M> {
    /// Writes an ONNX file of the best checkpoint written so far, as
    /// [`to_onnx`](crate::LightningModule::to_onnx) does. `module` is of the same form, such as the
    /// one that was trained, and is unchanged. The metadata of the file has the checkpoint, and the
    /// metric with its value.
    ///
    /// # Errors
    /// If no checkpoint was written, it does not fit, or the module cannot be exported.
    pub fn export_best<B: StepBatch>(&self, module: &M, path: impl AsRef<Path>, example: &B) -> Result<()> {
        let best = self.run.checkpoints.best.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Checkpoint, "this trainer has written no checkpoint")
                .help("call `fit` first, with `ModelCheckpoint` among the callbacks or `enable_checkpointing(true)`")
        })?;
        // With running statistics of its own: a clone shares them with the original.
        let mut copy = module.valid();
        apply(&Checkpoint::open(&best.path)?, &mut copy)?;
        let mut export = copy.onnx(example).metadata("checkpoint", best.path.display().to_string());
        if let Some((name, value)) = &best.score {
            export = export.metadata("metric", name.to_string()).metadata("value", value.to_string());
        }
        export.save(path)
    }
}
