//! The root mean squared error.

use burn::tensor::Device;
use serde_json::Value;

use super::{MeanSquaredError, Regression};
use crate::{
    error::Result,
    metrics::{Metric, MetricValue},
};

/// The root of the [`MeanSquaredError`] of the whole epoch, which is not the mean of the roots of
/// its batches.
///
/// It takes a [`Regression`]. The number is that of torchmetrics'
/// `MeanSquaredError(squared=False)`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::metrics::{Metric, RootMeanSquaredError};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut error = RootMeanSquaredError::new();
/// let predictions = Tensor::<1>::from_data([0.0, 2.0], &device);
/// error.update((predictions, Tensor::<1>::from_data([3.0, 6.0], &device)))?;
/// assert_eq!(error.compute()?.scalar(), Some(12.5_f64.sqrt()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct RootMeanSquaredError {
    mean: MeanSquaredError,
}

impl RootMeanSquaredError {
    /// Creates the metric.
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

    fn load_state(&mut self, state: &Value, device: &Device) -> Result<()> {
        self.mean.load_state(state, device)
    }
}
