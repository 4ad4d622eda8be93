//! When validation runs inside `fit`.

use std::{fmt, time::Duration};

use super::{
    SettingsRecord,
    builder::{NotBarebones, TrainerBuilder},
    optional, put,
};
use crate::{
    error::ConfigErrors,
    progress::{Limit, Steps},
};

/// A time: `val_check_interval(Every(Duration::from_secs(600)))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is written as `Every(duration)`")]
pub struct Every(pub Duration);

/// What [`val_check_interval`](crate::trainer::TrainerBuilder::val_check_interval) takes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ValCheckInterval {
    /// A number of training batches, or a fraction of an epoch.
    Share(Limit),
    /// A number of optimizer steps, counted over the whole run.
    Steps(u64),
    /// The time since the last validation ended.
    Time(Duration),
}

macro_rules! interval_from {
    ($($share:ty),*) => {
        $(impl From<$share> for ValCheckInterval {
            fn from(share: $share) -> Self {
                Self::Share(share.into())
            }
        })*
    };
}

interval_from!(i32, i64, u32, u64, usize, f64, Limit);

impl From<Steps> for ValCheckInterval {
    fn from(Steps(steps): Steps) -> Self {
        Self::Steps(steps)
    }
}

impl From<Every> for ValCheckInterval {
    fn from(Every(time): Every) -> Self {
        Self::Time(time)
    }
}

impl fmt::Display for ValCheckInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(limit) => limit.fmt(f),
            Self::Steps(steps) => write!(f, "Steps({steps})"),
            Self::Time(time) => write!(f, "Every({time:?})"),
        }
    }
}

impl ValCheckInterval {
    fn is_zero(self) -> bool {
        match self {
            Self::Share(limit) => limit.is_zero(),
            Self::Steps(steps) => steps == 0,
            Self::Time(time) => time.is_zero(),
        }
    }
}

/// When validation runs inside `fit`.
#[derive(Clone, Debug)]
pub(crate) struct ValidationSettings {
    /// `None`: batches are counted over the whole run, not in each epoch.
    pub(crate) every_n_epochs: Option<usize>,
    pub(crate) interval: ValCheckInterval,
    pub(crate) sanity_steps: u64,
}

impl Default for ValidationSettings {
    fn default() -> Self {
        Self { every_n_epochs: Some(1), interval: Limit::ALL.into(), sanity_steps: 2 }
    }
}

impl ValidationSettings {
    /// Whether validation runs only at the end of every epoch.
    pub(crate) fn is_once_an_epoch(&self) -> bool {
        self.interval == ValCheckInterval::from(Limit::ALL) && self.every_n_epochs == Some(1)
    }

    /// Whether there may be epochs without validation.
    pub(crate) fn skips_epochs(&self) -> bool {
        self.every_n_epochs != Some(1)
            || matches!(self.interval, ValCheckInterval::Steps(_) | ValCheckInterval::Time(_))
    }
}

impl ValidationSettings {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        let Self { interval, every_n_epochs, sanity_steps: _ } = self;
        if let ValCheckInterval::Share(limit) = interval {
            limit.check("val_check_interval", errors);
        }
        if interval.is_zero() {
            errors.add(
                format!("`val_check_interval` must be greater than 0, found {interval}"),
                "write `limit_val_batches(0)` to disable validation",
            );
        }
        match every_n_epochs {
            Some(0) => errors.add(
                "`check_val_every_n_epoch` must be at least 1, found 0",
                "write `limit_val_batches(0)` to disable validation",
            ),
            None if matches!(interval, ValCheckInterval::Share(Limit::Fraction(_))) => errors.add(
                format!(
                    "`check_val_every_n_epoch(None)` needs an interval that is not a fraction of an epoch, found \
                     `val_check_interval({interval})`"
                ),
                "write a number of batches, `Steps(…)` or `Every(…)`",
            ),
            _ => {}
        }
    }

    pub(super) fn record(&self, record: &mut SettingsRecord) {
        // The sanity check does not change the results.
        let Self { interval, every_n_epochs, sanity_steps: _ } = self;
        put(record, "val_check_interval", interval);
        put(record, "check_val_every_n_epoch", optional(*every_n_epochs));
    }
}

impl<M, K> TrainerBuilder<M, K> {
    /// Sets the number of validation batches that are run before training, as a check. Default: 2.
    #[must_use]
    pub fn num_sanity_val_steps(mut self, batches: u64) -> Self
    where
        K: NotBarebones,
    {
        self.settings.validation.sanity_steps = batches;
        self
    }

    /// Sets when validation runs. Default: at the end of every epoch.
    ///
    /// | interval | validates |
    /// |---|---|
    /// | `100` | after every 100th training batch of an epoch |
    /// | `0.25` | four times an epoch |
    /// | `Steps(500)` | after every 500th optimizer step of the run |
    /// | `Every(Duration::from_secs(600))` | after a batch, ten minutes after the last validation |
    ///
    /// With [`check_val_every_n_epoch(None)`](Self::check_val_every_n_epoch) a number of batches is
    /// counted over the whole run, so that it may be longer than an epoch.
    #[must_use]
    pub fn val_check_interval(mut self, interval: impl Into<ValCheckInterval>) -> Self {
        self.settings.validation.interval = interval.into();
        self
    }

    /// Validates only in every n-th epoch. With `None`, only
    /// [`val_check_interval`](Self::val_check_interval) decides, and its batches are counted over
    /// the whole run. Default: 1.
    #[must_use]
    pub fn check_val_every_n_epoch(mut self, epochs: impl Into<Option<usize>>) -> Self {
        self.settings.validation.every_n_epochs = epochs.into();
        self
    }
}
