//! The peak signal-to-noise ratio.

use burn::tensor::Device;
use serde_json::Value;

use super::{MeanSquaredError, Regression};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricValue},
};

/// The peak signal-to-noise ratio of images in decibels: `10·log₁₀(range² / MSE)`, with the mean
/// squared error over all elements of the epoch.
///
/// It takes a [`Regression`] of any shape. Images without any error have the value ∞; without any
/// samples it is NaN. The number is that of torchmetrics' `PeakSignalNoiseRatio`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::metrics::{Metric, PeakSignalNoiseRatio};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut psnr = PeakSignalNoiseRatio::new(1.0);
/// let images = Tensor::<4>::full([2, 3, 8, 8], 0.5, &device);
/// psnr.update((images.clone() + 0.1, images))?;
/// let value = psnr.compute()?.scalar().expect("one number");
/// assert!((value - 20.0).abs() < 1e-4);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "PSNR")]
#[derive(Clone, Debug)]
pub struct PeakSignalNoiseRatio {
    data_range: f64,
    mean: MeanSquaredError,
}

impl PeakSignalNoiseRatio {
    /// Creates the metric for values that differ by at most `data_range`: 1 for images from 0 to 1,
    /// 255 for bytes.
    pub fn new(data_range: f64) -> Self {
        Self { data_range, mean: MeanSquaredError::new() }
    }
}

/// Rejects a range that values cannot have.
///
/// # Errors
/// If it is not positive and finite.
pub(super) fn check_range(metric: &str, data_range: f64) -> Result<()> {
    if data_range.is_finite() && data_range > 0.0 {
        return Ok(());
    }
    let text = format!("`data_range` of `{metric}` must be positive and finite, found {data_range}");
    Err(Error::new(ErrorKind::Metric, text).help(format!("write `{metric}::new(1.0)` for images from 0 to 1")))
}

impl Metric for PeakSignalNoiseRatio {
    type Input = Regression;

    fn accumulate(&mut self, input: &Regression) -> Result<()> {
        check_range("PeakSignalNoiseRatio", self.data_range)?;
        self.mean.accumulate(input)
    }

    fn compute(&mut self) -> Result<MetricValue> {
        check_range("PeakSignalNoiseRatio", self.data_range)?;
        let error = self.mean.value()?;
        Ok(MetricValue::Scalar(20.0 * self.data_range.log10() - 10.0 * error.log10()))
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
