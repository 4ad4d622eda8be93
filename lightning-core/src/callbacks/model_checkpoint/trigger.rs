//! When a checkpoint is due.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

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
