//! When a checkpoint is due.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use crate::{
    error::{Error, Result},
    progress::{Epochs, Steps},
};

/// What [`ModelCheckpoint::every`](super::ModelCheckpoint::every) takes: `Epochs(2)`, `Steps(500)`
/// or a `Duration`.
///
/// ```
/// use std::time::Duration;
/// use lightning_core::callbacks::{CheckpointInterval, Epochs, Steps};
///
/// assert_eq!(CheckpointInterval::from(Epochs(2)), CheckpointInterval::Epochs(2));
/// assert_eq!(CheckpointInterval::from(Steps(500)), CheckpointInterval::Steps(500));
/// let time = Duration::from_secs(600);
/// assert_eq!(CheckpointInterval::from(time), CheckpointInterval::Time(time));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckpointInterval {
    /// A number of epochs.
    Epochs(u64),
    /// A number of optimizer steps, counted over the whole run.
    Steps(u64),
    /// A time, checked at the end of each batch.
    Time(Duration),
    /// No checkpoint is due; `save_last` and `save_on_exception` still apply.
    Never,
}

impl From<Epochs> for CheckpointInterval {
    fn from(Epochs(epochs): Epochs) -> Self {
        Self::Epochs(epochs)
    }
}

impl From<Steps> for CheckpointInterval {
    fn from(Steps(steps): Steps) -> Self {
        Self::Steps(steps)
    }
}

impl From<Duration> for CheckpointInterval {
    fn from(time: Duration) -> Self {
        Self::Time(time)
    }
}

/// What the compiler says of a number without a unit.
#[diagnostic::on_unimplemented(
    message = "the interval of a `ModelCheckpoint` must be epochs, steps or a time, found `{Self}`",
    label = "expected `Epochs(…)`, `Steps(…)` or a `Duration`",
    note = "write `every(Epochs(2))` or `every(Steps(500))`, which `lightning_core::callbacks` exports"
)]
pub trait IntoCheckpointInterval {
    /// Converts the value.
    #[doc(hidden)]
    fn into_interval(self) -> CheckpointInterval;
}

macro_rules! into_interval {
    ($($interval:ty),*) => {
        $(impl IntoCheckpointInterval for $interval {
            fn into_interval(self) -> CheckpointInterval {
                self.into()
            }
        })*
    };
}

into_interval!(Epochs, Steps, Duration, CheckpointInterval);

impl CheckpointInterval {
    /// The setting as written.
    pub(super) fn setting(self) -> String {
        match self {
            Self::Epochs(epochs) => format!("every(Epochs({epochs}))"),
            Self::Steps(steps) => format!("every(Steps({steps}))"),
            Self::Time(time) => format!("every({time:?})"),
            Self::Never => "every(CheckpointInterval::Never)".to_owned(),
        }
    }

    /// # Errors
    /// If it is zero.
    pub(super) fn check(self) -> Result<()> {
        match self {
            Self::Epochs(0) | Self::Steps(0) | Self::Time(Duration::ZERO) => Err(Error::config(format!(
                "the interval of a `ModelCheckpoint` must be greater than 0, found `{}`",
                self.setting()
            ))
            .help("write `every(Epochs(1))`, or `every(CheckpointInterval::Never)` with `save_on_exception(true)`")),
            _ => Ok(()),
        }
    }

    pub(super) fn trigger(self) -> Trigger {
        match self {
            Self::Epochs(epochs) => Trigger::Epochs(epochs),
            Self::Steps(steps) => Trigger::Steps(steps),
            Self::Time(time) => Trigger::Time(time),
            Self::Never => Trigger::Epochs(0),
        }
    }
}

/// When a checkpoint is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// After this many epochs; 0 for never.
    Epochs(u64),
    /// After this many optimizer steps; 0 for never.
    Steps(u64),
    /// At the end of the first batch after this time.
    Time(Duration),
}

impl Trigger {
    /// Whether the end of `epoch`, counted from 0, makes a checkpoint due.
    pub(super) fn is_due_after_epoch(self, epoch: u64) -> bool {
        match self {
            Self::Epochs(epochs) => epochs > 0 && (epoch + 1).is_multiple_of(epochs),
            Self::Steps(_) | Self::Time(_) => false,
        }
    }
}

/// Returns the time since a fixed moment.
pub(super) type Clock = fn() -> Duration;

/// The time since the first call in this process.
pub(super) fn since_start() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// Measures the interval of [`Trigger::Time`].
#[derive(Debug)]
pub(super) struct Stopwatch {
    last_due: Option<Duration>,
}

impl Stopwatch {
    pub(super) const fn new() -> Self {
        Self { last_due: None }
    }

    pub(super) fn start(&mut self, now: Duration) {
        self.last_due = Some(now);
    }

    /// Whether `interval` has passed since it last returned `true` or was started.
    pub(super) fn is_due(&mut self, now: Duration, interval: Duration) -> bool {
        let since = *self.last_due.get_or_insert(now);
        let is_due = now.saturating_sub(since) >= interval;
        if is_due {
            self.last_due = Some(now);
        }
        is_due
    }
}
