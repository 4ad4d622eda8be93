//! The Dice score.

use super::{
    Average, ClassificationMetric,
    average::{Stats, ratio},
    classification_metric::ClassScore,
    stat_scores::StatScores,
};
use crate::{error::Result, metrics::MetricValue};

/// The Dice score, `2·TP / (2·TP + FP + FN)`: the mean over the classes by default, and in a binary
/// task that of class 1.
///
/// It takes a [`Classification`](super::Classification), with the options of
/// [`ClassificationMetric`]; for segmentation, scores of `[batch, classes, height, width]` or labels
/// of any shape. Counts are summed over the epoch, and a class that occurs nowhere is left out of a
/// mean. The numbers are those of torchmetrics' `DiceScore` with `aggregation_level="global"`, and
/// of an F1 score.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Dice, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut dice = Dice::new();
/// let scores = Tensor::<4>::from_data([[[[0.9, 0.8], [0.2, 0.7]]]], &device);
/// let masks = Tensor::<4, Int>::from_data([[[[1, 0], [0, 1]]]], &device);
/// dice.update((scores, masks))?;
/// assert_eq!(dice.compute()?.scalar(), Some(0.8));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "DiceScore")]
pub type Dice = ClassificationMetric<DiceScore>;

/// The score of [`Dice`].
#[derive(Clone, Copy, Debug, Default)]
pub struct DiceScore {
    zero_division: f64,
}

impl Dice {
    /// Sets the score of a class that is neither predicted nor the target. Default: 0.
    #[must_use]
    pub fn zero_division(mut self, value: f64) -> Self {
        self.score.zero_division = value;
        self
    }
}

impl ClassScore for DiceScore {
    const AVERAGE: Average = Average::Macro;

    fn value(&self, counts: &mut StatScores) -> Result<MetricValue> {
        let zero_division = self.zero_division;
        let score = move |Stats { tp, fp, fn_, .. }| ratio(2.0 * tp, 2.0 * tp + fp + fn_, zero_division);
        counts.score(score, |Stats { tp, fp, fn_, .. }| tp + fp + fn_ == 0.0)
    }
}
