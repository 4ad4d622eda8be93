//! Patience before another pruner.

use super::{Pruner, Reported};
use crate::error::{Error, Result};

/// Asks another pruner only if a trial has not improved for some steps.
///
/// With [`NoPruner`](super::NoPruner) it ends no trial.
#[derive(Debug)]
pub struct Patient {
    inner: Box<dyn Pruner>,
    patience: usize,
    min_delta: f64,
}

impl Patient {
    /// Creates the pruner: `inner` is asked after `patience` reports without improvement.
    pub fn new(inner: impl Pruner + 'static, patience: usize) -> Self {
        Self { inner: Box::new(inner), patience, min_delta: 0.0 }
    }

    /// Sets how much worse than before the last values must be. Default 0.
    #[must_use]
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.min_delta = delta;
        self
    }
}

impl Pruner for Patient {
    fn prune(&self, reported: &Reported<'_>) -> bool {
        let values: Vec<f64> = reported.trial.reports.values().copied().collect();
        let Some(before) = values.len().checked_sub(self.patience + 1).filter(|before| *before > 0) else {
            return false;
        };
        let best = |values: &[f64]| values.iter().fold(f64::NAN, |best, value| reported.better(best, *value));
        let (old, new) = (best(&values[..before]), best(&values[before..]));
        let is_worse = match reported.direction {
            crate::metrics::Direction::Minimize => old + self.min_delta < new,
            crate::metrics::Direction::Maximize => old - self.min_delta > new,
        };
        (is_worse || new.is_nan()) && self.inner.prune(reported)
    }

    fn check(&self) -> Result<()> {
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            return Err(Error::config(format!(
                "`Patient`: `min_delta` must be finite and at least 0, found {}",
                self.min_delta
            ))
            .help("write the smallest change that counts, in the unit of the metric"));
        }
        self.inner.check()
    }
}
