//! Metrics of true and false positives: the options that they share.

use std::fmt;

use burn::tensor::Device;
use serde_json::Value;

use super::{
    Average, Classification,
    stat_scores::{ScoreKind, StatScores},
};
use crate::{
    error::Result,
    metrics::{Metric, MetricValue},
};

/// A metric that is computed from the true and false positives of each class, such as
/// [`Accuracy`](super::Accuracy), [`Precision`](super::Precision), [`Recall`](super::Recall) or
/// [`FBeta`](super::FBeta).
///
/// It takes a [`Classification`]: multiclass, binary or multilabel. `S` is the score that is
/// computed from the counts; everything else is the same for all of them.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Average, FBeta, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let scores = Tensor::<2>::from_data([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], &device);
/// let targets = Tensor::<1, Int>::from_data([0, 1, -1], &device);
/// let mut f1 = FBeta::f1().average(Average::Weighted).num_classes(2).ignore_index(-1);
/// f1.update((&scores, &targets))?;
/// assert_eq!(f1.compute()?.scalar(), Some(1.0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ClassificationMetric<S> {
    pub(super) score: S,
    counts: StatScores,
}

/// A score of a [`ClassificationMetric`].
pub trait ClassScore: Clone + fmt::Debug + Default + Send + 'static {
    /// The average, unless another one is set.
    #[doc(hidden)]
    const AVERAGE: Average;

    /// Computes the value from the counts.
    #[doc(hidden)]
    fn value(&self, counts: &mut StatScores) -> Result<MetricValue>;
}

impl<S: ClassScore> ClassificationMetric<S> {
    /// Creates the metric with its default options.
    pub fn new() -> Self {
        Self::with_score(S::default())
    }

    pub(super) fn with_score(score: S) -> Self {
        Self { score, counts: StatScores::new(S::AVERAGE) }
    }

    /// Sets how the values of the classes are combined.
    ///
    /// Default: [`Average::Micro`] for [`Accuracy`](super::Accuracy), else [`Average::Macro`]. In a
    /// binary task the value is always that of class 1.
    #[must_use]
    pub fn average(mut self, average: Average) -> Self {
        self.counts.options.average = average;
        self
    }

    /// Counts a prediction as right if the target is among the `k` classes with the largest scores.
    /// Default: 1.
    #[must_use]
    pub fn top_k(mut self, k: usize) -> Self {
        self.counts.options.top_k = k;
        self
    }

    /// Sets the probability above which a binary or multilabel prediction is positive.
    /// Default: 0.5.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.counts.options.threshold = threshold;
        self
    }

    /// Leaves out samples with this target, such as padding. Default: none.
    #[must_use]
    pub fn ignore_index(mut self, index: i64) -> Self {
        self.counts.options.ignore_index = Some(index);
        self
    }

    /// Sets the number of classes. It is required for predicted labels, unless the average is
    /// [`Average::Micro`]; scores have one column per class.
    #[must_use]
    pub fn num_classes(mut self, classes: usize) -> Self {
        self.counts.options.classes = Some(classes);
        self
    }

    /// Sets the names of the classes, for [`Average::PerClass`]. Default: their numbers.
    #[must_use]
    pub fn class_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.counts.options.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Takes labels 0 and 1 as negative and positive. One score per sample is a binary task without
    /// this.
    #[must_use]
    pub fn binary(mut self) -> Self {
        self.counts.options.binary = true;
        self
    }

    /// Takes binary and multilabel scores as logits.
    ///
    /// Without this and [`probabilities`](Self::probabilities), all scores of an epoch are logits if
    /// one of them is below 0 or above 1. torchmetrics decides for each batch alone.
    #[must_use]
    pub fn logits(mut self) -> Self {
        self.counts.options.kind = ScoreKind::Logits;
        self
    }

    /// Takes binary and multilabel scores as probabilities.
    #[must_use]
    pub fn probabilities(mut self) -> Self {
        self.counts.options.kind = ScoreKind::Probabilities;
        self
    }
}

impl<S: ClassScore> Default for ClassificationMetric<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: ClassScore> Metric for ClassificationMetric<S> {
    type Input = Classification;

    fn accumulate(&mut self, input: &Classification) -> Result<()> {
        self.counts.update(input)
    }

    fn compute(&mut self) -> Result<MetricValue> {
        self.score.value(&mut self.counts)
    }

    fn reset(&mut self) {
        self.counts.reset();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.counts.merge(&other.counts)
    }

    fn state(&mut self) -> Result<Value> {
        self.counts.state()
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        self.counts.load_state(state)
    }
}
