//! The options of a value that is logged under a name of run time.

use serde::{Deserialize, Serialize};

use super::Reduce;

/// The options of a value that is logged under a name known only at run time; see
/// [`log_with`](crate::log_with).
///
/// They have the names and the defaults of those of `#[log]`.
///
/// ```
/// use lightning_core::{log_with, metrics::LogOptions};
///
/// let episode_return = 12.5;
/// log_with("return", &episode_return, LogOptions::new().prog_bar(true).on_epoch(true));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogOptions {
    pub(super) prog_bar: bool,
    pub(super) hidden: bool,
    pub(super) on_step: Option<bool>,
    pub(super) on_epoch: Option<bool>,
    pub(super) reduce: Reduce,
}

impl LogOptions {
    /// Returns the default options, those of [`log`](crate::log).
    pub const fn new() -> Self {
        Self { prog_bar: false, hidden: false, on_step: None, on_epoch: None, reduce: Reduce::Mean }
    }

    /// Sets whether the progress bar shows the value; default `false`.
    #[must_use]
    pub const fn prog_bar(mut self, shown: bool) -> Self {
        self.prog_bar = shown;
        self
    }

    /// Sets whether the value is sent to the loggers; default `true`.
    #[must_use]
    pub const fn logger(mut self, sent: bool) -> Self {
        self.hidden = !sent;
        self
    }

    /// Sets whether the value of each step is logged; by default those of the batches of training
    /// are. With the value of the epoch beside it, the names end in `_step` and `_epoch`.
    #[must_use]
    pub const fn on_step(mut self, logged: bool) -> Self {
        self.on_step = Some(logged);
        self
    }

    /// Sets whether the value of the epoch is logged; by default it is, except for the batches of
    /// training whose steps are.
    #[must_use]
    pub const fn on_epoch(mut self, logged: bool) -> Self {
        self.on_epoch = Some(logged);
        self
    }

    /// Sets how the values of an epoch are reduced to one; default [`Reduce::Mean`].
    #[must_use]
    pub const fn reduce(mut self, reduce: Reduce) -> Self {
        self.reduce = reduce;
        self
    }

    /// Returns whether step values and whether epoch values are logged, in a batch of training or
    /// elsewhere.
    pub(super) fn views(self, in_training_batch: bool) -> (bool, bool) {
        let on_step = self.on_step.unwrap_or(in_training_batch);
        // A value of training whose steps are not logged is logged for the epoch.
        (on_step, self.on_epoch.unwrap_or(!(in_training_batch && on_step)))
    }
}
