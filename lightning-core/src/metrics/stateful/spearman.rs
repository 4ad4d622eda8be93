//! Spearman's rank correlation coefficient.

use burn::tensor::{Device, Tensor};
use serde_json::{Value, json};

use super::{
    Regression, exact,
    kept::{Column, Kept},
    outputs::{check_outputs, merged, per_output},
};
use crate::{
    error::Result,
    metrics::{Metric, MetricValue},
};

/// The correlation of the ranks of predictions and targets, from −1 to 1: 1 for the same order,
/// however the values are spaced. Equal values share the mean of their ranks.
///
/// It takes a [`Regression`] of `[samples]` or `[samples, outputs]`; several outputs have a value
/// each, under their numbers. Every value is kept until the end of the epoch, eight bytes each.
/// Constant predictions or targets, fewer than two samples and NaN have the value NaN. The numbers
/// are those of torchmetrics' `SpearmanCorrCoef`, which returns 0 for constants.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use lightning_core::metrics::{Metric, SpearmanCorrelation};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut correlation = SpearmanCorrelation::new();
/// let predictions = Tensor::<1>::from_data([2.5, 0.0, 2.0, 8.0], &device);
/// correlation.update((predictions, Tensor::<1>::from_data([3.0, -0.5, 2.0, 70.0], &device)))?;
/// assert_eq!(correlation.compute()?.scalar(), Some(1.0));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "SpearmanCorrCoef")]
#[derive(Clone, Debug, Default)]
pub struct SpearmanCorrelation {
    outputs: Option<usize>,
    /// Predictions and targets, row by row.
    kept: Kept<2>,
}

impl SpearmanCorrelation {
    /// Creates the metric.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Returns the ranks from 1; equal values share the mean of theirs. NaN has no rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |index: &usize| values.get(*index).copied().unwrap_or(f64::NAN);
    order.sort_by(|a, b| value(a).total_cmp(&value(b)));
    let mut ranks = vec![f64::NAN; values.len()];
    let mut first = 0;
    // −0 and 0 are neighbours of `total_cmp`, and equal.
    for group in order.chunk_by(|a, b| value(a) == value(b)) {
        let rank = first as f64 + (group.len() + 1) as f64 / 2.0;
        for index in group {
            if let Some(place) = ranks.get_mut(*index) {
                *place = if value(index).is_nan() { f64::NAN } else { rank };
            }
        }
        first += group.len();
    }
    ranks
}

/// Returns Pearson's correlation of ranks.
fn correlation(x: &[f64], y: &[f64]) -> f64 {
    // The mean of all ranks is known, with and without equal values.
    let mean = (x.len() + 1) as f64 / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let value = product(x, y) / (product(x, x) * product(y, y)).sqrt();
    value.clamp(-1.0, 1.0)
}

impl Metric for SpearmanCorrelation {
    type Input = Regression;

    fn accumulate(&mut self, input: &Regression) -> Result<()> {
        check_outputs("Spearman's correlation", input, self.outputs)?;
        let [samples, outputs] = input.targets.dims();
        if samples == 0 || outputs == 0 {
            return Ok(());
        }
        self.outputs = Some(outputs);
        let row = |values: &Tensor<2>| Column::Real(values.clone().reshape([samples * outputs]));
        self.kept.push([row(&input.predictions), row(&input.targets)])
    }

    fn compute(&mut self) -> Result<MetricValue> {
        let outputs = self.outputs.unwrap_or(0);
        let [predictions, targets] = self.kept.columns()?;
        let values = (0..outputs).map(|output| {
            let column = |all: &[f64]| ranks(&all.iter().skip(output).step_by(outputs).copied().collect::<Vec<_>>());
            correlation(&column(predictions), &column(targets))
        });
        Ok(per_output(values))
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.outputs = merged(self.outputs, other.outputs)?;
        self.kept.merge(&other.kept)
    }

    fn state(&mut self) -> Result<Value> {
        Ok(json!({ "outputs": self.outputs, "columns": self.kept.state()? }))
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        self.reset();
        let outputs = exact::size_of(state, "outputs")?;
        let kept = Kept::load(state.get("columns").unwrap_or(&Value::Null))?;
        (self.outputs, self.kept) = (outputs, kept);
        Ok(())
    }
}
