//! The coefficient of determination.

use burn::tensor::Tensor;
use serde_json::{Value, json};

use super::{Regression, accumulate::Rows, exact};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricValue},
    params::state::f64_from_json,
};

/// How the scores of several outputs become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultiOutput {
    /// Their mean.
    #[default]
    Uniform,
    /// Their mean, weighted by the variance of each output's targets.
    VarianceWeighted,
    /// A value for each output, under its number.
    Raw,
}

/// Sums of squares below this are taken as 0, as torchmetrics does: rounding alone would give them.
const NOTHING: f64 = 1e-4;

/// The coefficient of determination R²: `1 − Σ (target − prediction)² / Σ (target − mean target)²`.
///
/// It takes a [`Regression`] of one dimension, or of two, of which the second are outputs of their own. Targets that do not vary have the
/// score 1 when they are predicted, and 0 otherwise. Fewer than two samples are an error. The number is that of torchmetrics' `R2Score`;
/// the variance is added up as in T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance", 1983, so that
/// targets far from 0 do not lose it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::metrics::{Metric, R2Score};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let predictions = Tensor::<1>::from_data([2.5, 0.0, 2.0, 8.0], &device);
/// let mut r2 = R2Score::new();
/// r2.update((predictions, Tensor::<1>::from_data([3.0, -0.5, 2.0, 7.0], &device)))?;
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
    /// What the batches on the device have to add.
    rows: Rows,
}

/// Sums over all samples, for each output.
#[derive(Clone, Debug, Default)]
struct Moments {
    samples: f64,
    /// Of the targets.
    mean: Vec<f64>,
    /// Of the squared distances of the targets from their mean.
    spread: Vec<f64>,
    /// Of the squared errors.
    residual: Vec<f64>,
}

impl Moments {
    /// Adds the sums of other samples.
    fn add(&mut self, other: &Self) {
        let outputs = other.mean.len();
        if self.samples == 0.0 {
            *self = other.clone();
            return;
        }
        let all = self.samples + other.samples;
        if all == 0.0 || self.mean.len() != outputs {
            return;
        }
        let theirs = other.mean.iter().zip(&other.spread).zip(&other.residual);
        let own = self.mean.iter_mut().zip(&mut self.spread).zip(&mut self.residual);
        for (((mean, spread), residual), ((other_mean, other_spread), other_residual)) in own.zip(theirs) {
            let distance = other_mean - *mean;
            *spread += other_spread + distance * distance * self.samples * other.samples / all;
            *mean += distance * other.samples / all;
            *residual += other_residual;
        }
        self.samples = all;
    }

    /// One row from the device: the number of samples, then means, spreads and residuals of all outputs.
    fn add_row(&mut self, row: &[f64]) {
        let Some((samples, rest)) = row.split_first() else { return };
        let outputs = rest.len() / 3;
        let part = |index: usize| rest.iter().skip(index * outputs).take(outputs).copied().collect();
        self.add(&Self { samples: *samples, mean: part(0), spread: part(1), residual: part(2) });
    }
}

impl R2Score {
    /// The mean score of the outputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the scores of several outputs become one.
    #[must_use]
    pub fn multi_output(mut self, how: MultiOutput) -> Self {
        self.multi_output = how;
        self
    }

    /// Gives the adjusted score for so many independent regressors: `1 − (1 − R²)·(n − 1) / (n − k − 1)`, for more samples than `k + 1`;
    /// with fewer it stays the plain score.
    #[must_use]
    pub fn adjusted(mut self, regressors: u64) -> Self {
        self.adjusted = regressors;
        self
    }

    fn moments(&mut self) -> Result<&Moments> {
        let Self { rows, moments, .. } = self;
        rows.flush(|row| moments.add_row(row))?;
        Ok(&self.moments)
    }

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
            return Err(Error::new(ErrorKind::Metric, format!("tensors of rank {rank} are no samples with outputs"))
                .help("give `[samples]` or `[samples, outputs]`"));
        }
        let [samples, outputs] = targets.dims();
        if let Some(known) = self.outputs.filter(|known| *known != outputs) {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("a batch of {outputs} outputs follows batches of {known}"),
            )
            .help("give every batch in the same form"));
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
            return Err(Error::new(ErrorKind::Metric, format!("the R² of {samples} samples is not defined"))
                .help("give at least two samples an epoch"));
        }
        let scores: Vec<f64> = residual
            .iter()
            .zip(&spread)
            .map(|(residual, spread)| match (*residual > NOTHING, *spread > NOTHING) {
                (false, _) => 1.0,
                (true, false) => 0.0,
                (true, true) => 1.0 - residual / spread,
            })
            .collect();
        let outputs = scores.len() as f64;
        Ok(match self.multi_output {
            MultiOutput::Raw => MetricValue::Named(
                scores
                    .iter()
                    .enumerate()
                    .map(|(output, score)| (output.to_string(), self.adjust(*score, samples)))
                    .collect(),
            ),
            MultiOutput::Uniform => MetricValue::Scalar(self.adjust(scores.iter().sum::<f64>() / outputs, samples)),
            MultiOutput::VarianceWeighted => {
                let all: f64 = spread.iter().sum();
                let weighted = spread.iter().zip(&scores).map(|(spread, score)| spread / all * score).sum();
                MetricValue::Scalar(self.adjust(weighted, samples))
            }
        })
    }

    fn reset(&mut self) {
        let Self { multi_output, adjusted, .. } = *self;
        *self = Self { multi_output, adjusted, ..Self::default() };
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        if let (Some(own), Some(theirs)) = (self.outputs, other.outputs)
            && own != theirs
        {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("sums of {theirs} outputs cannot be added to those of {own}"),
            ));
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
