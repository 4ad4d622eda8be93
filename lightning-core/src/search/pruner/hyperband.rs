//! Successive halving in several brackets.

use super::{Asha, Pruner, Reported};
use crate::{
    error::{Error, Result},
    random::{Rng, Stream},
    search::record::TrialRecord,
};

/// Divides the trials into brackets, in each of which [`Asha`] ends trials: the first bracket from
/// the first rung on, each other one a rung later. It suits searches in which early values say
/// little.
///
/// Source: L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh, A. Talwalkar, "Hyperband: A Novel
/// Bandit-Based Approach to Hyperparameter Optimization", JMLR 18, 2018.
#[derive(Clone, Debug)]
pub struct Hyperband {
    min_resource: i64,
    max_resource: Option<i64>,
    reduction_factor: i64,
}

impl Default for Hyperband {
    fn default() -> Self {
        Self { min_resource: 1, max_resource: None, reduction_factor: 3 }
    }
}

impl Hyperband {
    /// Creates the pruner.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the step of the first rung. Default 1.
    #[must_use]
    pub fn min_resource(mut self, step: i64) -> Self {
        self.min_resource = step;
        self
    }

    /// Sets the last step of a whole trial. By default it is that of the longest complete trial, and
    /// no trial is ended before one is complete.
    #[must_use]
    pub fn max_resource(mut self, step: i64) -> Self {
        self.max_resource = Some(step);
        self
    }

    /// Sets which part of the trials goes on at a rung. Default 3.
    #[must_use]
    pub fn reduction_factor(mut self, factor: i64) -> Self {
        self.reduction_factor = factor;
        self
    }

    /// The share of trials of each bracket.
    pub(super) fn shares(&self, longest: i64) -> Vec<u64> {
        let factor = self.reduction_factor.max(2);
        let (mut brackets, mut step) = (1_i64, self.min_resource.max(1));
        while let Some(next) = step.checked_mul(factor).filter(|next| *next <= longest) {
            (brackets, step) = (brackets + 1, next);
        }
        let share = |bracket: i64| {
            let halvings = brackets - 1 - bracket;
            (brackets as f64 * (factor as f64).powi(halvings as i32) / (halvings + 1) as f64).ceil() as u64
        };
        (0..brackets).map(share).collect()
    }
}

/// The bracket of a trial, which only depends on its number.
pub(super) fn bracket(trial: &TrialRecord, shares: &[u64]) -> usize {
    let mut place =
        Rng::derived(0, Stream::Search, trial.number, u64::MAX).next_u64() % shares.iter().sum::<u64>().max(1);
    for (bracket, share) in shares.iter().enumerate() {
        if place < *share {
            return bracket;
        }
        place -= share;
    }
    0
}

impl Pruner for Hyperband {
    fn prune(&self, reported: &Reported<'_>) -> bool {
        let Some(longest) = self.max_resource.or_else(|| reported.longest()) else { return false };
        let shares = self.shares(longest);
        let own = bracket(reported.trial, &shares);
        let others: Vec<TrialRecord> =
            reported.others.iter().filter(|trial| bracket(trial, &shares) == own).cloned().collect();
        let asha = Asha::new()
            .min_resource(self.min_resource)
            .reduction_factor(self.reduction_factor)
            .min_early_stopping_rate(own as u32);
        asha.prune(&Reported { others: &others, ..*reported })
    }

    fn check(&self) -> Result<()> {
        let wrong = |what: String, help: &str| Err(Error::config(format!("`Hyperband`: {what}")).help(help));
        match (self.min_resource, self.max_resource) {
            (first, _) if first < 1 => {
                wrong(format!("`min_resource` must be at least 1, found {first}"), "write `.min_resource(1)`")
            }
            (first, Some(last)) if last < first => wrong(
                format!("`max_resource` must be at least `min_resource`, found {last} and {first}"),
                "write the number of validations of a whole run",
            ),
            _ if self.reduction_factor < 2 => {
                wrong(format!("`reduction_factor` must be at least 2, found {}", self.reduction_factor), "write 3 or 4")
            }
            _ => Ok(()),
        }
    }
}
