//! Cohen's kappa.

use burn::tensor::Device;
use serde_json::Value;

use super::{Classification, ConfusionMatrix, average::ratio};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricValue},
};

/// How much a confusion counts in [`CohenKappa`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KappaWeights {
    /// Every confusion counts the same.
    #[default]
    Equal,
    /// A confusion counts as the distance of the two classes: for classes in an order.
    Linear,
    /// A confusion counts as the square of the distance.
    Quadratic,
}

/// Cohen's kappa, the agreement of predictions and targets beyond chance: 1 if all samples are
/// right, 0 for the agreement of independent labels.
///
/// It is `1 − Σ w·observed / Σ w·expected` over the confusion matrix (Jacob Cohen, "A Coefficient of
/// Agreement for Nominal Scales", 1960, and "Weighted Kappa", 1968). It takes a [`Classification`],
/// multiclass or binary; labels need [`num_classes`](Self::num_classes). If all predictions and
/// targets are of one class, and without any samples, it is NaN. The number is that of torchmetrics'
/// `CohenKappa`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{CohenKappa, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut kappa = CohenKappa::new().num_classes(2);
/// let labels = Tensor::<1, Int>::from_data([0, 1, 0, 0], &device);
/// kappa.update((labels, Tensor::<1, Int>::from_data([1, 1, 0, 0], &device)))?;
/// assert_eq!(kappa.compute()?.scalar(), Some(0.5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct CohenKappa {
    weights: KappaWeights,
    confusion: ConfusionMatrix,
}

impl CohenKappa {
    /// Creates the metric with equal weights.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how much a confusion counts. Default: [`KappaWeights::Equal`].
    #[must_use]
    pub fn weights(mut self, weights: KappaWeights) -> Self {
        self.weights = weights;
        self
    }

    /// Sets the number of classes. It is required for predicted labels; scores have one column per
    /// class.
    #[must_use]
    pub fn num_classes(mut self, classes: usize) -> Self {
        self.confusion = self.confusion.num_classes(classes);
        self
    }

    /// Leaves out samples with this target. Default: none.
    #[must_use]
    pub fn ignore_index(mut self, index: i64) -> Self {
        self.confusion = self.confusion.ignore_index(index);
        self
    }

    /// Takes labels 0 and 1 as negative and positive.
    #[must_use]
    pub fn binary(mut self) -> Self {
        self.confusion = self.confusion.binary();
        self
    }

    /// Sets the probability above which a binary prediction is positive. Default: 0.5.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.confusion = self.confusion.threshold(threshold);
        self
    }

    /// Takes binary scores as logits; see [`ConfusionMatrix::logits`].
    #[must_use]
    pub fn logits(mut self) -> Self {
        self.confusion = self.confusion.logits();
        self
    }

    /// Takes binary scores as probabilities.
    #[must_use]
    pub fn probabilities(mut self) -> Self {
        self.confusion = self.confusion.probabilities();
        self
    }

    fn weight(&self, row: usize, column: usize) -> f64 {
        let distance = row.abs_diff(column) as f64;
        match self.weights {
            KappaWeights::Equal => f64::from(u8::from(row != column)),
            KappaWeights::Linear => distance,
            KappaWeights::Quadratic => distance * distance,
        }
    }
}

impl Metric for CohenKappa {
    type Input = Classification;

    fn accumulate(&mut self, input: &Classification) -> Result<()> {
        self.confusion.accumulate(input)
    }

    fn compute(&mut self) -> Result<MetricValue> {
        let (task, counts) = self.confusion.counts()?;
        if task.is_multilabel() {
            let text = "`CohenKappa` needs one class per sample, found a target per label";
            return Err(Error::new(ErrorKind::Metric, text)
                .help("pass targets of shape [samples], or log one metric per label"));
        }
        let classes = task.classes();
        let at = |row: usize, column: usize| counts.get(row * classes + column).copied().unwrap_or(0.0);
        let targets: Vec<f64> = (0..classes).map(|row| (0..classes).map(|column| at(row, column)).sum()).collect();
        let predicted: Vec<f64> = (0..classes).map(|column| (0..classes).map(|row| at(row, column)).sum()).collect();
        let samples: f64 = targets.iter().sum();
        let (mut observed, mut expected) = (0.0, 0.0);
        for (row, targets) in targets.iter().enumerate() {
            for (column, predicted) in predicted.iter().enumerate() {
                let weight = self.weight(row, column);
                observed += weight * at(row, column);
                expected += weight * targets * predicted / samples;
            }
        }
        Ok(MetricValue::Scalar(1.0 - ratio(observed, expected, f64::NAN)))
    }

    fn reset(&mut self) {
        self.confusion.reset();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.confusion.merge(&other.confusion)
    }

    fn state(&mut self) -> Result<Value> {
        self.confusion.state()
    }

    fn load_state(&mut self, state: &Value, device: &Device) -> Result<()> {
        self.confusion.load_state(state, device)
    }
}
