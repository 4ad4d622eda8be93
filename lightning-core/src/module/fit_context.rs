//! The context in which optimizers are created.

use burn::tensor::Device;

use crate::error::{Error, Result};

/// The state of the run at the start of `fit`, when optimizers are created.
#[derive(Clone, Debug)]
pub struct FitContext {
    pub(crate) max_epochs: Option<u64>,
    pub(crate) max_steps: Option<u64>,
    pub(crate) batches_per_epoch: Option<u64>,
    /// The number of optimizer steps in `max_epochs`.
    pub(crate) steps_by_epochs: Option<u64>,
    pub(crate) device: Device,
}

impl FitContext {
    /// Returns the number of optimizer steps of the whole run, for schedules that need their
    /// length. In a `fast_dev_run` it is that of the run without it.
    ///
    /// # Errors
    /// If neither `max_steps` nor `max_epochs` with a loader of known length limits the run.
    pub fn estimated_optimizer_steps(&self) -> Result<u64> {
        match (self.steps_by_epochs, self.max_steps) {
            (Some(epochs), Some(steps)) => Ok(epochs.min(steps)),
            (Some(steps), None) | (None, Some(steps)) => Ok(steps),
            (None, None) => {
                Err(Error::config("the number of optimizer steps must be known for `estimated_optimizer_steps`")
                    .help("set `max_steps(…)`, or `max_epochs(…)` with a loader of known length"))
            }
        }
    }

    /// Returns the setting `max_epochs`.
    pub fn max_epochs(&self) -> Option<u64> {
        self.max_epochs
    }

    /// Returns the number of training batches in an epoch; `None` if the loader does not know it.
    pub fn batches_per_epoch(&self) -> Option<u64> {
        self.batches_per_epoch
    }

    /// Returns the device of the run.
    pub fn device(&self) -> &Device {
        &self.device
    }
}
