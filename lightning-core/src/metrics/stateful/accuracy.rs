//! Accuracy.

use super::{Average, average::ratio, classification::stat_score_metric, stat_scores::StatScores};
use crate::{error::Result, metrics::MetricValue};

/// The share of right predictions: by default over all samples, with [`Average::Macro`] the mean of the shares of each class.
///
/// It takes a [`Classification`](super::Classification). Where nothing was counted it is 0. The numbers are those of torchmetrics'
/// `Accuracy`. Of equal largest scores the first class is the prediction.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Accuracy, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let scores = Tensor::<2>::from_data([[0.5, 0.3, 0.2], [0.1, 0.5, 0.4], [0.6, 0.3, 0.1]], &device);
/// let targets = Tensor::<1, Int>::from_data([0, 2, 1], &device);
/// let mut accuracy = Accuracy::new().top_k(2);
/// accuracy.update((&scores, &targets))?;
/// assert_eq!(accuracy.compute()?.scalar(), Some(1.0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Accuracy {
    scores: StatScores,
}

impl Accuracy {
    /// The share of all samples that are predicted right.
    pub fn new() -> Self {
        Self { scores: StatScores::new(Average::Micro) }
    }

    fn value(&mut self) -> Result<MetricValue> {
        if self.scores.is_binary() {
            return self.scores.share_of_hits().map(MetricValue::Scalar);
        }
        let absent = self.scores.is_absent();
        if self.scores.is_multilabel() {
            return self
                .scores
                .score(|stats| ratio(stats.tp + stats.tn, stats.tp + stats.tn + stats.fp + stats.fn_, 0.0), absent);
        }
        self.scores.score(|stats| ratio(stats.tp, stats.tp + stats.fn_, 0.0), absent)
    }
}

stat_score_metric!(Accuracy);
