//! Batches and the time they take.

use std::time::{Duration, Instant};

use crate::stage::Stage;

/// The current epoch.
pub(super) struct Epoch {
    /// From 0.
    pub(super) number: u64,
    /// The number of epochs of the run.
    pub(super) total: Option<u64>,
    pub(super) meter: Meter,
}

impl Epoch {
    /// Returns the number of this epoch and of the last one, both from 0 as everywhere else.
    pub(super) fn label(&self) -> String {
        let Self { number, total, .. } = self;
        match total {
            Some(total) => format!("{number}/{}", total.saturating_sub(1).max(*number)),
            None => number.to_string(),
        }
    }
}

/// The current evaluation.
pub(super) struct Evaluation {
    pub(super) stage: Stage,
    pub(super) meter: Meter,
    /// Whether its row is on the screen.
    pub(super) drawn: bool,
}

/// Batches of an epoch or evaluation, and the time they take.
pub(super) struct Meter {
    pub(super) done: u64,
    pub(super) total: Option<u64>,
    /// Batches done before this meter started: those of a resumed epoch.
    skipped: Option<u64>,
    pub(super) started: Instant,
    /// Time spent in completed evaluations.
    pub(super) paused: Duration,
    /// When the current evaluation began.
    pub(super) pause: Option<Instant>,
    pub(super) ended: Option<Instant>,
}

impl Meter {
    /// Starts at `now`, without a batch.
    pub(super) fn new(total: Option<u64>, now: Instant) -> Self {
        Self { done: 0, total, skipped: None, started: now, paused: Duration::ZERO, pause: None, ended: None }
    }

    /// Counts a batch, numbered from 0.
    pub(super) fn batch(&mut self, batch: u64) {
        self.skipped.get_or_insert(batch);
        self.done = batch.saturating_add(1);
    }

    /// Returns the time since the start, evaluations included.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        self.ended.unwrap_or(now).duration_since(self.started)
    }

    /// Continues after an evaluation.
    pub(super) fn resume(&mut self, now: Instant) {
        if let Some(start) = self.pause.take() {
            self.paused += now.duration_since(start);
        }
    }
}

/// The figures that only a bar shows.
#[cfg(feature = "progress")]
impl Meter {
    /// Returns batches per second, without the time of evaluations.
    pub(super) fn rate(&self, now: Instant) -> f64 {
        let paused = self.paused + self.pause.map_or(Duration::ZERO, |start| now.duration_since(start));
        let seconds = self.elapsed(now).saturating_sub(paused).as_secs_f64();
        let done = self.done.saturating_sub(self.skipped.unwrap_or(0)) as f64;
        if seconds > 0.0 { done / seconds } else { 0.0 }
    }

    /// Estimates the time to the last batch; `None` without a total or a rate.
    pub(super) fn remaining(&self, now: Instant) -> Option<Duration> {
        let left = self.total?.saturating_sub(self.done) as f64;
        let rate = self.rate(now);
        if left == 0.0 { Some(Duration::ZERO) } else { Duration::try_from_secs_f64(left / rate).ok() }
    }

    /// Returns the share that is done, between 0 and 1; `None` without a total.
    pub(super) fn share(&self) -> Option<f64> {
        let total = self.total?;
        Some(if total == 0 { 1.0 } else { (self.done as f64 / total as f64).min(1.0) })
    }
}
