//! The mean squared error.

use burn::tensor::Device;
use serde_json::{Value, json};

use super::{Regression, accumulate::Sums, exact};
use crate::{
    error::Result,
    metrics::{Metric, MetricValue},
};

/// The mean of `(prediction − target)²` over all elements.
///
/// It takes a [`Regression`]. Without any samples it is NaN. The number is that of torchmetrics'
/// `MeanSquaredError`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::metrics::{MeanSquaredError, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut error = MeanSquaredError::new();
/// let predictions = Tensor::<1>::from_data([1.0, 2.0], &device);
/// error.update((predictions, Tensor::<1>::from_data([1.0, 5.0], &device)))?;
/// assert_eq!(error.compute()?.scalar(), Some(4.5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MeanSquaredError {
    /// The sum of the squared errors.
    sums: Sums,
    elements: u64,
}

impl MeanSquaredError {
    /// Creates the metric.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the mean of all elements.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn value(&mut self) -> Result<f64> {
        let sum = self.sums.values()?.first().copied().unwrap_or(0.0);
        Ok(sum / self.elements as f64)
    }
}

impl Metric for MeanSquaredError {
    type Input = Regression;

    fn accumulate(&mut self, input: &Regression) -> Result<()> {
        let Regression { predictions, targets, .. } = input.clone();
        let elements = predictions.shape().num_elements();
        if elements == 0 {
            return Ok(());
        }
        self.elements += elements as u64;
        self.sums.add((predictions - targets).square().sum())
    }

    fn compute(&mut self) -> Result<MetricValue> {
        self.value().map(MetricValue::Scalar)
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.elements += other.elements;
        self.sums.merge(&other.sums)
    }

    fn state(&mut self) -> Result<Value> {
        Ok(json!({ "sums": self.sums.state()?, "elements": self.elements }))
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        let elements = state.get("elements").and_then(Value::as_u64).ok_or_else(|| exact::foreign("elements"))?;
        *self = Self { sums: Sums::load(exact::numbers_of(state, "sums")?), elements };
        Ok(())
    }
}
