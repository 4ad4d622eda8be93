//! What the settings of an optimizer may depend on.

use burn::tensor::Device;

use crate::error::{Error, Result};

/// What is known at the start of `fit`, when optimizers are made.
#[derive(Clone, Debug)]
pub struct FitContext {
    pub(crate) max_epochs: Option<u64>,
    pub(crate) max_steps: Option<u64>,
    pub(crate) batches_per_epoch: Option<u64>,
    /// Optimizer steps in `max_epochs`.
    pub(crate) steps_by_epochs: Option<u64>,
    pub(crate) device: Device,
}

impl FitContext {
    /// Optimizer steps the whole run will take, for schedules that need to know their length. A `fast_dev_run` gives the number of the run
    /// that it tries.
    ///
    /// # Errors
    /// When neither the loader's length with `max_epochs` nor `max_steps` bounds the run.
    pub fn estimated_optimizer_steps(&self) -> Result<u64> {
        match (self.steps_by_epochs, self.max_steps) {
            (Some(epochs), Some(steps)) => Ok(epochs.min(steps)),
            (Some(steps), None) | (None, Some(steps)) => Ok(steps),
            (None, None) => Err(Error::config("the run has no known number of optimizer steps")
                .help("set `max_steps(…)`, or `max_epochs(…)` with a loader that knows its length")),
        }
    }

    /// The most epochs the run may take.
    pub fn max_epochs(&self) -> Option<u64> {
        self.max_epochs
    }

    /// Training batches in an epoch, when the loader knows.
    pub fn batches_per_epoch(&self) -> Option<u64> {
        self.batches_per_epoch
    }

    /// The device the run trains on.
    pub fn device(&self) -> &Device {
        &self.device
    }
}
