//! The mean absolute error.

use burn::tensor::Device;
use serde_json::{Value, json};

use super::{Regression, accumulate::Sums, exact};
use crate::{
    error::Result,
    metrics::{Metric, MetricValue},
};

/// The mean of `|prediction − target|` over all elements.
///
/// It takes a [`Regression`]. Without any samples it is NaN. The number is that of torchmetrics'
/// `MeanAbsoluteError`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::metrics::{MeanAbsoluteError, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut error = MeanAbsoluteError::new();
/// let predictions = Tensor::<1>::from_data([1.0, 2.0], &device);
/// error.update((predictions, Tensor::<1>::from_data([1.0, 5.0], &device)))?;
/// assert_eq!(error.compute()?.scalar(), Some(1.5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MeanAbsoluteError {
    /// The sum of the absolute errors.
    sums: Sums,
    elements: u64,
}

impl MeanAbsoluteError {
    /// Creates the metric.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Metric for MeanAbsoluteError {
    type Input = Regression;

    fn accumulate(&mut self, input: &Regression) -> Result<()> {
        let Regression { predictions, targets, .. } = input.clone();
        let elements = predictions.shape().num_elements();
        if elements == 0 {
            return Ok(());
        }
        self.elements += elements as u64;
        self.sums.add((predictions - targets).abs().sum())
    }

    fn compute(&mut self) -> Result<MetricValue> {
        let sum = self.sums.values()?.first().copied().unwrap_or(0.0);
        Ok(MetricValue::Scalar(sum / self.elements as f64))
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
