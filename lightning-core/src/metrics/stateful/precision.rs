//! Precision.

use super::{Average, average::ratio, classification::stat_score_metric, stat_scores::StatScores};
use crate::{error::Result, metrics::MetricValue};

/// The share of right predictions among those of a class: `TP / (TP + FP)`, by default the mean over the classes.
///
/// It takes a [`Classification`](super::Classification). The numbers are those of torchmetrics' `Precision`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Metric, Precision};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut precision = Precision::new().binary();
/// let labels = Tensor::<1, Int>::from_data([1, 1, 1, 0], &device);
/// precision.update((labels, Tensor::<1, Int>::from_data([1, 0, 1, 1], &device)))?;
/// assert_eq!(precision.compute()?.scalar(), Some(2.0 / 3.0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Precision {
    scores: StatScores,
    zero_division: f64,
}

impl Precision {
    /// The mean precision of the classes; in a yes-or-no task that of class 1.
    pub fn new() -> Self {
        Self { scores: StatScores::new(Average::Macro), zero_division: 0.0 }
    }

    /// The precision of a class that is never predicted. Default 0.
    #[must_use]
    pub fn zero_division(mut self, value: f64) -> Self {
        self.zero_division = value;
        self
    }

    fn value(&mut self) -> Result<MetricValue> {
        let (absent, otherwise) = (self.scores.is_absent(), self.zero_division);
        self.scores.score(|stats| ratio(stats.tp, stats.tp + stats.fp, otherwise), absent)
    }
}

stat_score_metric!(Precision);
