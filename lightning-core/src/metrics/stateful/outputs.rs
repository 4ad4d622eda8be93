//! Metrics with a value for each output of a regression.

use super::Regression;
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::MetricValue,
};

/// Returns one value as a number, and several under their numbers. Without any it is NaN.
pub(crate) fn per_output(values: impl IntoIterator<Item = f64>) -> MetricValue {
    let values: Vec<f64> = values.into_iter().collect();
    match values.as_slice() {
        [] => MetricValue::Scalar(f64::NAN),
        [value] => MetricValue::Scalar(*value),
        _ => {
            MetricValue::Named(values.iter().enumerate().map(|(output, value)| (output.to_string(), *value)).collect())
        }
    }
}

/// Rejects a batch whose columns are not the outputs of the batches before.
///
/// # Errors
/// If the rank is more than 2, or the number of outputs differs.
pub(crate) fn check_outputs(metric: &str, input: &Regression, known: Option<usize>) -> Result<()> {
    if input.rank > 2 {
        let text = format!("{metric} needs tensors of rank 1 or 2, found rank {}", input.rank);
        return Err(Error::new(ErrorKind::Metric, text)
            .help("pass predictions and targets of shape [samples] or [samples, outputs]"));
    }
    let [_, outputs] = input.targets.dims();
    let Some(known) = known.filter(|known| *known != outputs) else { return Ok(()) };
    let text = format!(
        "all batches of a metric must have the same outputs, found a batch of {outputs} after batches of {known}"
    );
    Err(Error::new(ErrorKind::Metric, text)
        .help("pass predictions and targets of shape [samples, outputs] in every batch"))
}

/// Returns the number of outputs of two metrics that are merged.
///
/// # Errors
/// If both are known and differ.
pub(crate) fn merged(own: Option<usize>, other: Option<usize>) -> Result<Option<usize>> {
    match (own, other) {
        (Some(own), Some(other)) if own != other => {
            let text = format!("metrics that are merged must have the same outputs, found {other} and {own}");
            Err(Error::new(ErrorKind::Metric, text)
                .help("merge metrics that were updated with the same kind of batches"))
        }
        _ => Ok(own.or(other)),
    }
}
