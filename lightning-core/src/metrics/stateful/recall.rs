//! Recall.

use super::{
    Average, ClassificationMetric, average::ratio, classification_metric::ClassScore, stat_scores::StatScores,
};
use crate::{error::Result, metrics::MetricValue};

/// The share of the samples of a class that are predicted as such, `TP / (TP + FN)`: the mean over
/// the classes by default, and in a binary task that of class 1.
///
/// It takes a [`Classification`](super::Classification), with the options of
/// [`ClassificationMetric`]. The numbers are those of torchmetrics' `Recall`.
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
pub type Recall = ClassificationMetric<RecallScore>;

/// The score of [`Recall`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RecallScore {
    zero_division: f64,
}

impl Recall {
    /// Sets the recall of a class that is never the target. Default: 0.
    #[must_use]
    pub fn zero_division(mut self, value: f64) -> Self {
        self.score.zero_division = value;
        self
    }
}

impl ClassScore for RecallScore {
    const AVERAGE: Average = Average::Macro;

    fn value(&self, counts: &mut StatScores) -> Result<MetricValue> {
        let absent = counts.is_absent();
        counts.score(|stats| ratio(stats.tp, stats.tp + stats.fn_, self.zero_division), absent)
    }
}
