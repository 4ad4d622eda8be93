//! The coefficient of determination.

mod moments;

use burn::tensor::Tensor;
use serde_json::{Value, json};

use self::moments::Moments;
use super::{Regression, accumulate::Rows, exact};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricValue},
    params::state::f64_from_json,
};

/// How the scores of several outputs are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultiOutput {
    /// The mean of the scores.
    #[default]
    Uniform,
    /// The mean, weighted by the variance of the targets of each output.
    VarianceWeighted,
    /// A value per output, under its number: `val_r2_0`.
    Raw,
}

/// Sums of squares up to this are taken as 0, because rounding alone may reach it; as in
/// torchmetrics.
const NEGLIGIBLE: f64 = 1e-4;

/// The coefficient of determination R²: `1 − Σ (target − prediction)² / Σ (target − mean target)²`.
///
/// It takes a [`Regression`] of `[samples]` or `[samples, outputs]`. Constant targets have the
/// score 1 if they are predicted exactly, and 0 otherwise. Fewer than two samples are an error. The
/// number is that of torchmetrics' `R2Score`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::metrics::{Metric, R2Score};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let predictions = Tensor::<1>::from_data([2.5, 0.0, 2.0, 8.0], &device);
/// let mut r2 = R2Score::new();
/// let targets = Tensor::<1>::from_data([3.0, -0.5, 2.0, 7.0], &device);
/// r2.update((predictions, targets))?;
/// let value = r2.compute()?.scalar().expect("one number");
/// assert!((value - 0.948_608).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct R2Score {
    multi_output: MultiOutput,
    adjusted: u64,
    outputs: Option<usize>,
    moments: Moments,
    /// The sums of batches that are still on the device.
    rows: Rows,
}

impl R2Score {
    /// Creates the mean score of the outputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how the scores of several outputs are combined. Default: [`MultiOutput::Uniform`].
    #[must_use]
    pub fn multi_output(mut self, how: MultiOutput) -> Self {
        self.multi_output = how;
        self
    }

    /// Computes the adjusted score for `k` independent regressors,
    /// `1 − (1 − R²)·(n − 1) / (n − k − 1)`, if there are more than `k + 1` samples. Default: 0,
    /// the plain score.
    #[must_use]
    pub fn adjusted(mut self, k: u64) -> Self {
        self.adjusted = k;
        self
    }

    /// Returns the sums of all batches.
    fn moments(&mut self) -> Result<&Moments> {
        let Self { rows, moments, .. } = self;
        rows.flush(|row| moments.add_row(row))?;
        Ok(&self.moments)
    }

    /// Combines the scores of the outputs.
    fn combine(&self, scores: &[f64], spread: &[f64], samples: f64) -> MetricValue {
        let adjusted = |score: f64| self.adjust(score, samples);
        match self.multi_output {
            MultiOutput::Raw => {
                let named = |(output, score): (usize, &f64)| (output.to_string(), adjusted(*score));
                MetricValue::Named(scores.iter().enumerate().map(named).collect())
            }
            MultiOutput::Uniform => {
                let mean = scores.iter().sum::<f64>() / scores.len() as f64;
                MetricValue::Scalar(adjusted(mean))
            }
            MultiOutput::VarianceWeighted => {
                let all: f64 = spread.iter().sum();
                let weighted = spread.iter().zip(scores).map(|(spread, score)| spread / all * score);
                MetricValue::Scalar(adjusted(weighted.sum()))
            }
        }
    }

    /// Adjusts a score for the number of regressors.
    fn adjust(&self, score: f64, samples: f64) -> f64 {
        let left = samples - self.adjusted as f64 - 1.0;
        if self.adjusted == 0 || left <= 0.0 { score } else { 1.0 - (1.0 - score) * (samples - 1.0) / left }
    }
}

impl Metric for R2Score {
    type Input = Regression;

    fn accumulate(&mut self, input: &Regression) -> Result<()> {
        let Regression { predictions, targets, rank } = input.clone();
        if rank > 2 {
            let text = format!("the R² score needs tensors of rank 1 or 2, found rank {rank}");
            return Err(
                Error::new(ErrorKind::Metric, text).help("pass tensors of shape [samples] or [samples, outputs]")
            );
        }
        let [samples, outputs] = targets.dims();
        if let Some(known) = self.outputs.filter(|known| *known != outputs) {
            let text = format!(
                "all batches of a metric must have the same outputs, found a batch of {outputs} after \
                 batches of {known}"
            );
            return Err(Error::new(ErrorKind::Metric, text)
                .help("pass predictions and targets of shape [samples, outputs] in every batch"));
        }
        if samples == 0 {
            return Ok(());
        }
        self.outputs = Some(outputs);
        let mean = targets.clone().mean_dim(0);
        let spread = (targets.clone() - mean.clone()).square().sum_dim(0);
        let residual = (targets - predictions).square().sum_dim(0);
        let count = Tensor::full([1], samples as f64, (&mean.device(), mean.dtype()));
        let flat = |row: Tensor<2>| row.reshape([outputs]);
        let row = Tensor::cat(vec![count, flat(mean), flat(spread), flat(residual)], 0);
        let Self { rows, moments, .. } = self;
        rows.push(row, |row| moments.add_row(row))
    }

    fn compute(&mut self) -> Result<MetricValue> {
        let moments = self.moments()?.clone();
        let Moments { samples, spread, residual, .. } = moments;
        if samples < 2.0 {
            let text = format!("the R² score needs at least 2 samples, found {samples}");
            return Err(Error::new(ErrorKind::Metric, text).help("log at least two samples per epoch"));
        }
        let scores: Vec<f64> = residual
            .iter()
            .zip(&spread)
            .map(|(residual, spread)| match (*residual > NEGLIGIBLE, *spread > NEGLIGIBLE) {
                (false, _) => 1.0,
                (true, false) => 0.0,
                (true, true) => 1.0 - residual / spread,
            })
            .collect();
        Ok(self.combine(&scores, &spread, samples))
    }

    fn reset(&mut self) {
        let Self { multi_output, adjusted, .. } = *self;
        *self = Self { multi_output, adjusted, ..Self::default() };
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        if let (Some(own), Some(theirs)) = (self.outputs, other.outputs)
            && own != theirs
        {
            let text = format!("metrics that are merged must have the same outputs, found {theirs} and {own}");
            return Err(Error::new(ErrorKind::Metric, text)
                .help("merge metrics that were updated with the same kind of batches"));
        }
        self.outputs = self.outputs.or(other.outputs);
        self.moments()?;
        self.moments.add(other.clone().moments()?);
        Ok(())
    }

    fn state(&mut self) -> Result<Value> {
        let outputs = self.outputs;
        let Moments { samples, mean, spread, residual } = self.moments()?;
        let list = |values: &[f64]| exact::numbers(values.iter().copied());
        Ok(json!({
            "outputs": outputs,
            "samples": samples,
            "mean": list(mean),
            "spread": list(spread),
            "residual": list(residual),
        }))
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        self.reset();
        let samples = state.get("samples").and_then(f64_from_json).ok_or_else(|| exact::foreign("samples"))?;
        let list = |key| exact::numbers_of(state, key);
        let moments = Moments { samples, mean: list("mean")?, spread: list("spread")?, residual: list("residual")? };
        let outputs = exact::size_of(state, "outputs")?;
        let len = outputs.unwrap_or(0);
        if [&moments.mean, &moments.spread, &moments.residual].into_iter().any(|list| list.len() != len) {
            return Err(exact::foreign("mean"));
        }
        (self.outputs, self.moments) = (outputs, moments);
        Ok(())
    }
}
