//! Counts batches and samples, and computes rates over a window.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Time, batches and samples since a stage started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) time: Duration,
    pub(super) batches: u64,
    pub(super) samples: u64,
}

/// The totals now, and after each of the last batches.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    started: Option<Instant>,
    pub(super) totals: Totals,
    window: VecDeque<Totals>,
}

impl Meter {
    pub(super) fn start(&mut self, now: Instant) {
        *self = Self { started: Some(now), ..Self::default() };
    }

    /// Excludes time that was spent on something else.
    pub(super) fn skip(&mut self, time: Duration) {
        self.started = self.started.map(|started| started + time);
    }

    /// Counts a batch. `window` is the number of batches that rates are computed over.
    pub(super) fn batch(&mut self, now: Instant, samples: u64, window: usize) {
        let Some(started) = self.started else { return };
        self.totals.time = now.saturating_duration_since(started);
        self.totals.batches += 1;
        self.totals.samples += samples;
        if self.window.len() == window {
            self.window.pop_front();
        }
        self.window.push_back(self.totals);
    }

    /// Returns batches and samples per second, once the window is full.
    pub(super) fn rates(&self, window: usize) -> Option<(f64, f64)> {
        let (first, last) = (self.window.front()?, self.window.back()?);
        let seconds = (last.time - first.time).as_secs_f64();
        let full = self.window.len() == window && seconds > 0.0;
        full.then(|| ((last.batches - first.batches) as f64 / seconds, (last.samples - first.samples) as f64 / seconds))
    }
}
