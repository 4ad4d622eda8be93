//! Worse than the median.

use super::{Pruner, Reported};
use crate::search::record::TrialState;

/// Ends a trial whose best value so far is worse than the median of the complete trials at the same
/// step.
///
/// Source: D. Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017.
#[derive(Clone, Debug)]
pub struct Median {
    startup_trials: usize,
    warmup_steps: i64,
}

impl Default for Median {
    fn default() -> Self {
        Self { startup_trials: 5, warmup_steps: 0 }
    }
}

impl Median {
    /// Creates the pruner.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of complete trials before which none is ended. Default 5.
    #[must_use]
    pub fn startup_trials(mut self, trials: usize) -> Self {
        self.startup_trials = trials;
        self
    }

    /// Sets the step up to which no trial is ended. Default 0.
    #[must_use]
    pub fn warmup_steps(mut self, step: i64) -> Self {
        self.warmup_steps = step;
        self
    }
}

impl Pruner for Median {
    fn prune(&self, reported: &Reported<'_>) -> bool {
        let complete: Vec<_> = reported.others.iter().filter(|trial| trial.state == TrialState::Complete).collect();
        if complete.len() < self.startup_trials.max(1) || reported.step <= self.warmup_steps {
            return false;
        }
        let mut values: Vec<f64> = complete
            .iter()
            .filter_map(|trial| trial.reports.get(&reported.step).copied())
            .filter(|value| !value.is_nan())
            .collect();
        if values.is_empty() {
            return false;
        }
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => 0.5 * (values[middle - 1] + values[middle]),
            _ => values[middle],
        };
        let best = reported.trial.reports.values().fold(f64::NAN, |best, value| reported.better(best, *value));
        best.is_nan() || reported.direction.is_better(median, best)
    }
}
