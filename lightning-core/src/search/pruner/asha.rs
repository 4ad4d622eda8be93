//! Asynchronous successive halving.

use super::{Pruner, Reported};
use crate::{
    error::{Error, Result},
    search::record::TrialRecord,
};

/// Ends trials at rungs: of those that reach a rung, the best quarter goes on to the next one, which
/// is four times as far. No trial waits for others.
///
/// A trial that is the best so far at a rung goes on, so that the first ones do.
///
/// Source: L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020.
#[derive(Clone, Debug)]
pub struct Asha {
    min_resource: Option<i64>,
    reduction_factor: i64,
    min_early_stopping_rate: u32,
}

impl Default for Asha {
    fn default() -> Self {
        Self { min_resource: None, reduction_factor: 4, min_early_stopping_rate: 0 }
    }
}

impl Asha {
    /// Creates the pruner.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the step of the first rung. By default it is a hundredth of the longest complete trial,
    /// at least 1, and no trial is ended before one is complete.
    #[must_use]
    pub fn min_resource(mut self, step: i64) -> Self {
        self.min_resource = Some(step);
        self
    }

    /// Sets which part of the trials goes on: one of `factor`. A rung is `factor` times as far as
    /// the one before. Default 4.
    #[must_use]
    pub fn reduction_factor(mut self, factor: i64) -> Self {
        self.reduction_factor = factor;
        self
    }

    /// Sets the number of rungs to leave out at the start. Default 0.
    #[must_use]
    pub fn min_early_stopping_rate(mut self, rungs: u32) -> Self {
        self.min_early_stopping_rate = rungs;
        self
    }
}

/// The value with which a trial reached a rung.
fn value_at(trial: &TrialRecord, rung: i64) -> Option<f64> {
    trial.reports.range(rung..).next().map(|(_, value)| *value)
}

impl Pruner for Asha {
    fn prune(&self, reported: &Reported<'_>) -> bool {
        let Some(first) = self.min_resource.or_else(|| reported.longest().map(|step| (step / 100).max(1))) else {
            return false;
        };
        let factor = self.reduction_factor.max(2);
        let Some(mut rung) = factor.checked_pow(self.min_early_stopping_rate).and_then(|by| first.checked_mul(by))
        else {
            return false;
        };
        // The rungs that this report is the first to reach.
        let before = reported.trial.reports.range(..reported.step).next_back().map(|(step, _)| *step);
        while rung <= reported.step {
            if before.is_none_or(|before| before < rung) {
                if reported.value.is_nan() {
                    return true;
                }
                let mut values: Vec<f64> = reported.others.iter().filter_map(|trial| value_at(trial, rung)).collect();
                values.push(reported.value);
                let promoted = (values.len() / factor as usize).max(1);
                let better =
                    values.iter().filter(|value| reported.direction.is_better(**value, reported.value)).count();
                if better >= promoted {
                    return true;
                }
            }
            match rung.checked_mul(factor) {
                Some(next) if next > rung => rung = next,
                _ => break,
            }
        }
        false
    }

    fn check(&self) -> Result<()> {
        if self.reduction_factor < 2 {
            return Err(Error::config(format!(
                "`Asha`: `reduction_factor` must be at least 2, found {}",
                self.reduction_factor
            ))
            .help("write 3 or 4"));
        }
        match self.min_resource {
            Some(step) if step < 1 => {
                Err(Error::config(format!("`Asha`: `min_resource` must be at least 1, found {step}"))
                    .help("write the first step after which a trial may end; the first validation is step 1"))
            }
            _ => Ok(()),
        }
    }
}
