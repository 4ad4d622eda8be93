//! The F-beta score.

use super::{
    Average, ClassificationMetric,
    average::{Stats, ratio},
    classification_metric::ClassScore,
    stat_scores::StatScores,
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::MetricValue,
};

/// The weighted harmonic mean of precision and recall, `(1 + β²)·TP / ((1 + β²)·TP + β²·FN + FP)`:
/// the mean over the classes by default, and in a binary task that of class 1.
///
/// Recall counts β times as much as precision (C. J. van Rijsbergen, "Information Retrieval",
/// 1979). It takes a [`Classification`](super::Classification), with the options of
/// [`ClassificationMetric`]. The numbers are those of torchmetrics' `FBetaScore`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Average, FBeta, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut f1 = FBeta::f1().num_classes(2).average(Average::PerClass).class_names(["cat", "dog"]);
/// let labels = Tensor::<1, Int>::from_data([0, 1, 1, 1], &device);
/// f1.update((labels, Tensor::<1, Int>::from_data([0, 0, 1, 1], &device)))?;
/// assert_eq!(f1.compute()?.part("dog"), Some(0.8));
/// # Ok(())
/// # }
/// ```
pub type FBeta = ClassificationMetric<FBetaScore>;

/// The score of [`FBeta`].
#[derive(Clone, Copy, Debug)]
pub struct FBetaScore {
    beta: f64,
    zero_division: f64,
}

impl Default for FBetaScore {
    fn default() -> Self {
        Self { beta: 1.0, zero_division: 0.0 }
    }
}

impl FBeta {
    /// Creates the F1 score, in which precision and recall count the same; as
    /// [`new`](ClassificationMetric::new).
    pub fn f1() -> Self {
        Self::new()
    }

    /// Creates the F-beta score, in which recall counts `beta` times as much as precision. `beta`
    /// is larger than 0.
    pub fn with_beta(beta: f64) -> Self {
        Self::with_score(FBetaScore { beta, ..FBetaScore::default() })
    }

    /// Sets the score of a class that is neither predicted nor the target. Default: 0.
    #[must_use]
    pub fn zero_division(mut self, value: f64) -> Self {
        self.score.zero_division = value;
        self
    }
}

impl ClassScore for FBetaScore {
    const AVERAGE: Average = Average::Macro;

    fn value(&self, counts: &mut StatScores) -> Result<MetricValue> {
        let Self { beta, zero_division } = *self;
        if !(beta.is_finite() && beta > 0.0) {
            let text = format!("`beta` of `FBeta` must be larger than 0, found {beta}");
            return Err(Error::new(ErrorKind::Metric, text).help("write `FBeta::with_beta(2.0)`"));
        }
        let square = beta * beta;
        let score = move |Stats { tp, fp, fn_, .. }| {
            let hits = (1.0 + square) * tp;
            ratio(hits, hits + square * fn_ + fp, zero_division)
        };
        counts.score(score, |Stats { tp, fp, fn_, .. }| tp + fp + fn_ == 0.0)
    }
}
