//! What callbacks that log on their own need to know of the loggers.

use super::CallbackContext;
use crate::{
    error::{Error, Result},
    loggers::Record,
};

/// Tells at the end of a training batch whether its step is one that is logged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LoggedSteps {
    seen: u64,
}

impl LoggedSteps {
    /// Before the first batch.
    pub(super) fn start(&mut self, cx: &CallbackContext<'_>) {
        self.seen = cx.global_step();
    }

    /// Whether this batch ended a window of accumulation and its record is about to be written.
    pub(super) fn is_due(&mut self, cx: &CallbackContext<'_>) -> bool {
        let step = cx.global_step();
        std::mem::replace(&mut self.seen, step) != step && cx.logs_step(step)
    }
}

impl CallbackContext<'_> {
    /// Whether the record of a step goes to the loggers; steps count from 1.
    pub(super) fn logs_step(&self, step: u64) -> bool {
        step.is_multiple_of(self.settings.log_every_n_steps)
    }

    /// Sends a row that belongs to no batch to the loggers at once.
    pub(super) fn log_row(&mut self, metrics: Vec<(String, f64)>) -> Result<()> {
        let (epoch, batches, step) = (self.current_epoch(), self.batch_step(), self.global_step());
        self.loggers.log(&Record::new(self.stage(), epoch, None, batches, step, metrics))
    }

    /// # Errors
    /// When there is no logger to log to.
    pub(super) fn check_logger(&self, callback: &str) -> Result<()> {
        if !self.loggers.is_empty() || self.is_fast_dev_run() {
            return Ok(());
        }
        Err(Error::config(format!("`{callback}` needs a logger, and the trainer has none"))
            .help("leave `no_logger()` out, or add one with `logger(…)`"))
    }
}
