//! The Jaccard index.

use super::{
    Average, ClassificationMetric,
    average::{Stats, ratio},
    classification_metric::ClassScore,
    stat_scores::StatScores,
};
use crate::{error::Result, metrics::MetricValue};

/// The Jaccard index or intersection over union (IoU), `TP / (TP + FP + FN)`: the mean over the
/// classes by default, and in a binary task that of class 1.
///
/// It takes a [`Classification`](super::Classification), with the options of
/// [`ClassificationMetric`]; for segmentation, scores of `[batch, classes, height, width]` or labels
/// of any shape. Counts are summed over the epoch. A class whose targets are ignored has no union
/// and is left out of a mean. The numbers are those of torchmetrics' `JaccardIndex`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{JaccardIndex, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut iou = JaccardIndex::new().num_classes(2);
/// let masks = Tensor::<3, Int>::from_data([[[0, 1], [1, 1]]], &device);
/// iou.update((masks, Tensor::<3, Int>::from_data([[[0, 0], [1, 1]]], &device)))?;
/// // 1 of 2 and 2 of 3 pixels.
/// assert_eq!(iou.compute()?.scalar(), Some((1.0 / 2.0 + 2.0 / 3.0) / 2.0));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "IoU")]
pub type JaccardIndex = ClassificationMetric<JaccardScore>;

/// The score of [`JaccardIndex`].
#[derive(Clone, Copy, Debug, Default)]
pub struct JaccardScore {
    zero_division: f64,
}

impl JaccardIndex {
    /// Sets the score of a class that is neither predicted nor the target. Default: 0.
    #[must_use]
    pub fn zero_division(mut self, value: f64) -> Self {
        self.score.zero_division = value;
        self
    }
}

impl ClassScore for JaccardScore {
    const AVERAGE: Average = Average::Macro;

    fn value(&self, counts: &mut StatScores) -> Result<MetricValue> {
        let zero_division = self.zero_division;
        let score = move |Stats { tp, fp, fn_, .. }| ratio(tp, tp + fp + fn_, zero_division);
        counts.score_without_ignored(score, |Stats { tp, fp, fn_, .. }| tp + fp + fn_ == 0.0)
    }
}
