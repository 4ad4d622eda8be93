//! Recall.

use super::{Average, average::ratio, classification::stat_score_metric, stat_scores::StatScores};
use crate::{error::Result, metrics::MetricValue};

/// The share of a class that is found: `TP / (TP + FN)`, by default the mean over the classes.
///
/// It takes a [`Classification`](super::Classification). The numbers are those of torchmetrics' `Recall`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Metric, Recall};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut recall = Recall::new();
/// let scores = Tensor::<1>::from_data([0.9, 0.2, 0.7, 0.4], &device);
/// recall.update((scores, Tensor::<1, Int>::from_data([1, 1, 0, 0], &device)))?;
/// assert_eq!(recall.compute()?.scalar(), Some(0.5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Recall {
    scores: StatScores,
    zero_division: f64,
}

impl Recall {
    /// The mean recall of the classes; in a yes-or-no task that of class 1.
    pub fn new() -> Self {
        Self { scores: StatScores::new(Average::Macro), zero_division: 0.0 }
    }

    /// The recall of a class that is never the target. Default 0.
    #[must_use]
    pub fn zero_division(mut self, value: f64) -> Self {
        self.zero_division = value;
        self
    }

    fn value(&mut self) -> Result<MetricValue> {
        let (absent, otherwise) = (self.scores.is_absent(), self.zero_division);
        self.scores.score(|stats| ratio(stats.tp, stats.tp + stats.fn_, otherwise), absent)
    }
}

stat_score_metric!(Recall);
