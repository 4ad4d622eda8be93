//! Accuracy.

use super::{
    Average, ClassificationMetric, average::ratio, classification_metric::ClassScore, stat_scores::StatScores,
};
use crate::{error::Result, metrics::MetricValue};

/// The share of right predictions: over all samples by default, and with [`Average::Macro`] the
/// mean of the shares of the classes.
///
/// It takes a [`Classification`](super::Classification), with the options of
/// [`ClassificationMetric`]. If several scores are equally large, the first class is the
/// prediction. Without any samples the value is 0. The numbers are those of torchmetrics'
/// `Accuracy`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Accuracy, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let scores = [[0.5, 0.3, 0.2], [0.1, 0.5, 0.4], [0.6, 0.3, 0.1]];
/// let scores = Tensor::<2>::from_data(scores, &device);
/// let targets = Tensor::<1, Int>::from_data([0, 2, 1], &device);
/// let mut accuracy = Accuracy::new().top_k(2);
/// accuracy.update((&scores, &targets))?;
/// assert_eq!(accuracy.compute()?.scalar(), Some(1.0));
/// # Ok(())
/// # }
/// ```
pub type Accuracy = ClassificationMetric<AccuracyScore>;

/// The score of [`Accuracy`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AccuracyScore;

impl ClassScore for AccuracyScore {
    const AVERAGE: Average = Average::Micro;

    fn value(&self, counts: &mut StatScores) -> Result<MetricValue> {
        if counts.is_binary() {
            return counts.share_of_hits().map(MetricValue::Scalar);
        }
        let absent = counts.is_absent();
        if counts.is_multilabel() {
            // A label that was rightly not predicted is a right prediction.
            let score = |stats: super::average::Stats| {
                let right = stats.tp + stats.tn;
                ratio(right, right + stats.fp + stats.fn_, 0.0)
            };
            return counts.score(score, absent);
        }
        counts.score(|stats| ratio(stats.tp, stats.tp + stats.fn_, 0.0), absent)
    }
}
