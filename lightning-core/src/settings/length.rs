//! The length of training.

use std::time::Duration;

use super::{SettingsRecord, builder::TrainerBuilder, optional, put};
use crate::{
    error::ConfigErrors,
    progress::{IntoMaxTime, Limit},
};

/// The length of the run without `fast_dev_run`, from which schedules are computed.
#[derive(Clone, Debug)]
pub(crate) struct WholeRun {
    pub(crate) length: LengthSettings,
    /// The limit on the training batches of an epoch.
    pub(crate) train: Limit,
    /// Whether the program sets a limit.
    pub(crate) is_limited: bool,
}

impl Default for WholeRun {
    fn default() -> Self {
        Self { length: LengthSettings::default(), train: Limit::ALL, is_limited: true }
    }
}

/// The length of training.
#[derive(Clone, Debug, Default)]
pub(crate) struct LengthSettings {
    pub(crate) max_epochs: Option<usize>,
    pub(crate) min_epochs: usize,
    pub(crate) max_steps: Option<u64>,
    pub(crate) min_steps: u64,
    pub(crate) max_time: Option<Duration>,
}

/// The number of epochs of a run without a limit.
pub(super) const DEFAULT_MAX_EPOCHS: usize = 1000;

impl LengthSettings {
    /// Whether the run has a number of epochs, which is the default without any limit.
    pub(crate) fn has_epochs(&self) -> bool {
        self.max_epochs.is_some() || self.is_endless()
    }

    fn is_endless(&self) -> bool {
        self.max_epochs.is_none() && self.max_steps.is_none() && self.max_time.is_none()
    }
}

impl LengthSettings {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        let Self { max_epochs, min_epochs, max_steps, min_steps, max_time: _ } = self;
        if let Some(max_epochs) = max_epochs.filter(|max| max < min_epochs) {
            errors.add(
                format!("`min_epochs` must be at most `max_epochs`, found {min_epochs} and {max_epochs}"),
                "lower the first or raise the second",
            );
        }
        if let Some(max_steps) = max_steps.filter(|max| max < min_steps) {
            errors.add(
                format!("`min_steps` must be at most `max_steps`, found {min_steps} and {max_steps}"),
                "lower the first or raise the second",
            );
        }
    }

    pub(super) fn record(&self, record: &mut SettingsRecord) {
        // A time limit belongs to one process.
        let Self { max_epochs, min_epochs, max_steps, min_steps, max_time: _ } = self;
        put(record, "max_epochs", optional(*max_epochs));
        put(record, "min_epochs", min_epochs);
        put(record, "max_steps", optional(*max_steps));
        put(record, "min_steps", min_steps);
    }

    /// Limits a run that has no limit. Returns whether it had one.
    pub(super) fn apply_default(&mut self) -> bool {
        let is_limited = !self.is_endless();
        if !is_limited {
            self.max_epochs = Some(DEFAULT_MAX_EPOCHS);
        }
        is_limited
    }
}

impl<M, K> TrainerBuilder<M, K> {
    /// Ends the run after this many epochs.
    #[must_use]
    pub fn max_epochs(mut self, epochs: usize) -> Self {
        self.settings.length.max_epochs = Some(epochs);
        self
    }

    /// Ends the run after this many optimizer steps.
    #[must_use]
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.settings.length.max_steps = Some(steps);
        self
    }

    /// Trains for at least this many epochs: a stop requested before takes effect after them.
    /// Default 0.
    #[must_use]
    pub fn min_epochs(mut self, epochs: usize) -> Self {
        self.settings.length.min_epochs = epochs;
        self
    }

    /// Trains for at least this many optimizer steps: a stop requested before takes effect after
    /// them. Default 0.
    #[must_use]
    pub fn min_steps(mut self, steps: u64) -> Self {
        self.settings.length.min_steps = steps;
        self
    }

    /// Ends each `fit` at the first batch after this time: a `Duration` or `"DD:HH:MM:SS"`. With a
    /// time of zero, `fit` does not train.
    #[must_use]
    pub fn max_time(mut self, time: impl IntoMaxTime) -> Self {
        match time.into_max_time() {
            Ok(time) => self.settings.length.max_time = Some(time),
            Err(error) => self
                .errors
                .add(format!("`max_time`: {}", error.message()), "write \"DD:HH:MM:SS\", as in \"00:01:30:00\""),
        }
        self
    }
}
