//! Precision.

use super::{
    Average, ClassificationMetric, average::ratio, classification_metric::ClassScore, stat_scores::StatScores,
};
use crate::{error::Result, metrics::MetricValue};

/// The share of right predictions among the predictions of a class, `TP / (TP + FP)`: the mean over
/// the classes by default, and in a binary task that of class 1.
///
/// It takes a [`Classification`](super::Classification), with the options of
/// [`ClassificationMetric`]. The numbers are those of torchmetrics' `Precision`.
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
pub type Precision = ClassificationMetric<PrecisionScore>;

/// The score of [`Precision`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PrecisionScore {
    zero_division: f64,
}

impl Precision {
    /// Sets the precision of a class that is never predicted. Default: 0.
    #[must_use]
    pub fn zero_division(mut self, value: f64) -> Self {
        self.score.zero_division = value;
        self
    }
}

impl ClassScore for PrecisionScore {
    const AVERAGE: Average = Average::Macro;

    fn value(&self, counts: &mut StatScores) -> Result<MetricValue> {
        let absent = counts.is_absent();
        counts.score(|stats| ratio(stats.tp, stats.tp + stats.fp, self.zero_division), absent)
    }
}
