//! What callbacks that log need to know about the loggers.

use super::CallbackContext;
use crate::{error::Result, loggers::Record};

/// Decides at the end of a training batch whether its optimizer step is logged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LoggedSteps {
    seen: u64,
}

impl LoggedSteps {
    /// Starts at the current step, before the first batch.
    pub(super) fn start(&mut self, cx: &CallbackContext<'_>) {
        self.seen = cx.global_step();
    }

    /// Whether this batch ended with an optimizer step whose record is about to be written.
    pub(super) fn is_due(&mut self, cx: &CallbackContext<'_>) -> bool {
        let step = cx.global_step();
        std::mem::replace(&mut self.seen, step) != step && cx.logs_step(step)
    }
}

impl CallbackContext<'_> {
    /// Whether the record of a step, counted from 1, goes to the loggers.
    pub(super) fn logs_step(&self, step: u64) -> bool {
        step.is_multiple_of(self.settings.log_every_n_steps)
    }

    /// Sends a row that belongs to no batch to the loggers immediately.
    pub(super) fn log_row(&mut self, metrics: Vec<(String, f64)>) -> Result<()> {
        let (epoch, batches, step) = (self.current_epoch(), self.batch_step(), self.global_step());
        self.loggers.log(Record::new(self.stage(), epoch, None, batches, step, metrics))
    }

    /// Sets values that callbacks can monitor, without logging them.
    pub(super) fn set_current(&mut self, metrics: &[(String, f64)]) {
        for (name, value) in metrics {
            self.view.metrics.set_current(name, *value);
        }
    }
}
