//! The F-beta score.

use super::{
    Average,
    average::{Stats, ratio},
    classification::stat_score_metric,
    stat_scores::StatScores,
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::MetricValue,
};

/// The weighted harmonic mean of precision and recall: `(1 + β²)·TP / ((1 + β²)·TP + β²·FN + FP)`, by default the mean over the classes.
///
/// Recall counts β times as much as precision (C. J. van Rijsbergen, "Information Retrieval", 1979). It takes a
/// [`Classification`](super::Classification). The numbers are those of torchmetrics' `FBetaScore`.
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
#[derive(Clone, Debug)]
pub struct FBeta {
    scores: StatScores,
    beta: f64,
    zero_division: f64,
}

impl FBeta {
    /// The F1 score: precision and recall count the same.
    pub fn new() -> Self {
        Self::f1()
    }

    /// The F1 score: precision and recall count the same.
    pub fn f1() -> Self {
        Self::with_beta(1.0)
    }

    /// The F-beta score, in which recall counts `beta` times as much as precision. `beta` is larger than 0.
    pub fn with_beta(beta: f64) -> Self {
        Self { scores: StatScores::new(Average::Macro), beta, zero_division: 0.0 }
    }

    /// The score of a class that is neither predicted nor the target. Default 0.
    #[must_use]
    pub fn zero_division(mut self, value: f64) -> Self {
        self.zero_division = value;
        self
    }

    fn value(&mut self) -> Result<MetricValue> {
        let (beta, otherwise) = (self.beta, self.zero_division);
        if !(beta.is_finite() && beta > 0.0) {
            return Err(Error::new(ErrorKind::Metric, format!("`beta` is {beta}")).help("use a number larger than 0"));
        }
        let square = beta * beta;
        let score = move |Stats { tp, fp, fn_, .. }| {
            let hits = (1.0 + square) * tp;
            ratio(hits, hits + square * fn_ + fp, otherwise)
        };
        self.scores.score(score, |Stats { tp, fp, fn_, .. }| tp + fp + fn_ == 0.0)
    }
}

stat_score_metric!(FBeta);
