//! What ends trials that do not look promising.

mod asha;
mod hyperband;
mod median;
mod patient;

use std::fmt::Debug;

pub use self::{asha::Asha, hyperband::Hyperband, median::Median, patient::Patient};
use super::record::TrialRecord;
use crate::{error::Result, metrics::Direction};

/// Decides whether a trial ends before its time, by what it and others have reported.
///
/// `trial.pruning()` reports after each validation: step 1 is the first.
pub trait Pruner: Debug + Send {
    /// Returns whether the trial ends here. It has reported at least one value.
    fn prune(&self, reported: &Reported<'_>) -> bool;

    /// Checks its settings.
    ///
    /// # Errors
    /// If the settings cannot work.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// What a pruner knows: the reports so far.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Reported<'a> {
    /// The trial in question.
    pub trial: &'a TrialRecord,
    /// The last step that it has reported, and the value.
    pub step: i64,
    /// The value of the last step.
    pub value: f64,
    /// The other trials of the study.
    pub others: &'a [TrialRecord],
    /// Whether smaller or larger is better.
    pub direction: Direction,
}

impl Reported<'_> {
    /// The larger of two values as the direction has it; NaN is the worst.
    fn better(&self, a: f64, b: f64) -> f64 {
        if self.direction.is_better(b, a) { b } else { a }
    }

    /// The largest last step of all complete trials.
    fn longest(&self) -> Option<i64> {
        let complete = self.others.iter().filter(|trial| trial.state == super::record::TrialState::Complete);
        complete.filter_map(|trial| trial.last_report()).map(|(step, _)| step).max()
    }
}

/// Ends no trial.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPruner;

impl Pruner for NoPruner {
    fn prune(&self, _: &Reported<'_>) -> bool {
        false
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
