//! Pearson's correlation coefficient.

use burn::tensor::{Device, Tensor};
use serde_json::{Value, json};

use super::{
    Regression,
    accumulate::Rows,
    exact,
    outputs::{check_outputs, per_output},
};
use crate::{
    error::Result,
    metrics::{Metric, MetricValue},
    params::state::f64_from_json,
};

/// The linear correlation of predictions and targets: their covariance over the product of their
/// standard deviations, from −1 to 1.
///
/// It takes a [`Regression`] of `[samples]` or `[samples, outputs]`; several outputs have a value
/// each, under their numbers. Constant predictions or targets, fewer than two samples and NaN have
/// the value NaN. The numbers are those of torchmetrics' `PearsonCorrCoef`, without its limit below
/// which a variance counts as 0.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::metrics::{Metric, PearsonCorrelation};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut correlation = PearsonCorrelation::new();
/// let predictions = Tensor::<1>::from_data([2.5, 0.0, 2.0, 8.0], &device);
/// correlation.update((predictions, Tensor::<1>::from_data([3.0, -0.5, 2.0, 7.0], &device)))?;
/// let value = correlation.compute()?.scalar().expect("one number");
/// assert!((value - 0.984_87).abs() < 1e-5);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "PearsonCorrCoef")]
#[derive(Clone, Debug, Default)]
pub struct PearsonCorrelation {
    outputs: Option<usize>,
    moments: Moments,
    /// The sums of batches that are still on the device.
    rows: Rows,
}

/// The number of samples, and for each output means and sums of products of distances from them.
#[derive(Clone, Debug, Default)]
struct Moments {
    samples: f64,
    outputs: Vec<Joint>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Joint {
    mean: [f64; 2],
    /// Of predictions with themselves, of targets with themselves, and of both.
    products: [f64; 3],
}

impl Moments {
    /// Adds other samples by the pairwise update of T. F. Chan, G. H. Golub, R. J. LeVeque, 1983.
    fn add(&mut self, other: &Self) {
        if self.samples == 0.0 {
            *self = other.clone();
            return;
        }
        let all = self.samples + other.samples;
        if other.samples == 0.0 || self.outputs.len() != other.outputs.len() {
            return;
        }
        for (own, theirs) in self.outputs.iter_mut().zip(&other.outputs) {
            let [x, y] = [theirs.mean[0] - own.mean[0], theirs.mean[1] - own.mean[1]];
            let factor = self.samples * other.samples / all;
            for ((own, theirs), distance) in own.products.iter_mut().zip(theirs.products).zip([x * x, y * y, x * y]) {
                *own += theirs + distance * factor;
            }
            for (mean, distance) in own.mean.iter_mut().zip([x, y]) {
                *mean += distance * other.samples / all;
            }
        }
        self.samples = all;
    }

    /// Adds one row from the device: the number of samples, then for all outputs the first
    /// prediction and target, the mean distances from them, and the products.
    fn add_row(&mut self, row: &[f64]) {
        let Some((samples, rest)) = row.split_first() else { return };
        let outputs = rest.len() / 7;
        let at = |part: usize, output: usize| rest.get(part * outputs + output).copied().unwrap_or(f64::NAN);
        let joint = |output| Joint {
            mean: [at(0, output) + at(2, output), at(1, output) + at(3, output)],
            products: [at(4, output), at(5, output), at(6, output)],
        };
        self.add(&Self { samples: *samples, outputs: (0..outputs).map(joint).collect() });
    }
}

impl Joint {
    fn correlation(&self) -> f64 {
        let [x, y, both] = self.products;
        // 0/0 without any variance. The root of the product might overflow.
        let value = both / x.sqrt() / y.sqrt();
        if value.is_infinite() { f64::NAN } else { value.clamp(-1.0, 1.0) }
    }
}

impl PearsonCorrelation {
    /// Creates the metric.
    pub fn new() -> Self {
        Self::default()
    }

    fn moments(&mut self) -> Result<&Moments> {
        let Self { rows, moments, .. } = self;
        rows.flush(|row| moments.add_row(row))?;
        Ok(&self.moments)
    }
}

impl Metric for PearsonCorrelation {
    type Input = Regression;

    fn accumulate(&mut self, input: &Regression) -> Result<()> {
        let Regression { predictions, targets, .. } = input.clone();
        let [samples, outputs] = targets.dims();
        check_outputs("Pearson's correlation", input, self.outputs)?;
        if samples == 0 {
            return Ok(());
        }
        self.outputs = Some(outputs);
        // Relative to the first sample, as for R²: constant values have no variance at all.
        let [(first_x, shift_x, x), (first_y, shift_y, y)] = [predictions, targets].map(|values| {
            let first = values.clone().slice([0..1, 0..outputs]);
            let distance = values - first.clone();
            let shift = distance.clone().mean_dim(0);
            (first, shift.clone(), distance - shift)
        });
        let sum = |values: Tensor<2>| values.sum_dim(0);
        let count = Tensor::full([1, 1], samples as f64, (&x.device(), x.dtype()));
        let products = [x.clone().square(), y.clone().square(), x * y].map(sum);
        let row = [count, first_x, first_y, shift_x, shift_y].into_iter().chain(products).collect();
        let Self { rows, moments, .. } = self;
        rows.push(Tensor::cat(row, 1).reshape([1 + 7 * outputs]), |row| moments.add_row(row))
    }

    fn compute(&mut self) -> Result<MetricValue> {
        let Moments { outputs, .. } = self.moments()?;
        Ok(per_output(outputs.iter().map(Joint::correlation)))
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.outputs = super::outputs::merged(self.outputs, other.outputs)?;
        self.moments()?;
        self.moments.add(other.clone().moments()?);
        Ok(())
    }

    fn state(&mut self) -> Result<Value> {
        let Moments { samples, outputs } = self.moments()?;
        let numbers = outputs.iter().flat_map(|joint| joint.mean.into_iter().chain(joint.products));
        Ok(json!({ "samples": samples, "moments": exact::numbers(numbers) }))
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        self.reset();
        let samples = state.get("samples").and_then(f64_from_json).ok_or_else(|| exact::foreign("samples"))?;
        let numbers = exact::numbers_of(state, "moments")?;
        let (chunks, []) = numbers.as_chunks::<5>() else { return Err(exact::foreign("moments")) };
        let joint = |[x, y, xx, yy, xy]: &[f64; 5]| Joint { mean: [*x, *y], products: [*xx, *yy, *xy] };
        self.outputs = (!chunks.is_empty()).then_some(chunks.len());
        self.moments = Moments { samples, outputs: chunks.iter().map(joint).collect() };
        Ok(())
    }
}
