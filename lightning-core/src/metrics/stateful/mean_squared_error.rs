//! The mean squared error and its root.

use serde_json::{Value, json};

use super::{Regression, accumulate::Sums, exact};
use crate::{
    error::Result,
    metrics::{Metric, MetricValue},
};

/// The mean of `(prediction − target)²` over all elements.
///
/// It takes a [`Regression`]. Where nothing was counted it is NaN. The number is that of torchmetrics' `MeanSquaredError`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::metrics::{MeanSquaredError, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut error = MeanSquaredError::new();
/// error.update((Tensor::<1>::from_data([1.0, 2.0], &device), Tensor::<1>::from_data([1.0, 5.0], &device)))?;
/// assert_eq!(error.compute()?.scalar(), Some(4.5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MeanSquaredError {
    /// Of the squared errors.
    sums: Sums,
    elements: u64,
}

impl MeanSquaredError {
    /// The mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }

    fn value(&mut self) -> Result<f64> {
        let sum = self.sums.values()?.first().copied().unwrap_or(0.0);
        Ok(sum / self.elements as f64)
    }
}

impl Metric for MeanSquaredError {
    type Input = Regression;

    fn accumulate(&mut self, input: &Regression) -> Result<()> {
        let Regression { predictions, targets, .. } = input.clone();
        self.elements += predictions.shape().num_elements() as u64;
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

    fn load_state(&mut self, state: &Value) -> Result<()> {
        let elements = state.get("elements").and_then(Value::as_u64).ok_or_else(|| exact::foreign("elements"))?;
        *self = Self { sums: Sums::load(exact::numbers_of(state, "sums")?), elements };
        Ok(())
    }
}

/// The root of the [`MeanSquaredError`]: of the mean over the whole epoch, which is not the mean of the roots of the batches.
///
/// The number is that of torchmetrics' `MeanSquaredError(squared=False)`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::metrics::{Metric, RootMeanSquaredError};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut error = RootMeanSquaredError::new();
/// error.update((Tensor::<1>::from_data([0.0, 2.0], &device), Tensor::<1>::from_data([3.0, 6.0], &device)))?;
/// assert_eq!(error.compute()?.scalar(), Some(12.5_f64.sqrt()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct RootMeanSquaredError {
    mean: MeanSquaredError,
}

impl RootMeanSquaredError {
    /// The root of the mean over all elements.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Metric for RootMeanSquaredError {
    type Input = Regression;

    fn accumulate(&mut self, input: &Regression) -> Result<()> {
        self.mean.accumulate(input)
    }

    fn compute(&mut self) -> Result<MetricValue> {
        Ok(MetricValue::Scalar(self.mean.value()?.sqrt()))
    }

    fn reset(&mut self) {
        self.mean.reset();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.mean.merge(&other.mean)
    }

    fn state(&mut self) -> Result<Value> {
        self.mean.state()
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        self.mean.load_state(state)
    }
}
