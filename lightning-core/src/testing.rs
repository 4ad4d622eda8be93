//! Unit tests of modules: what a step logs.

use crate::{
    metrics::{
        AnyMetric, MetricUpdate, MetricValue, Metrics,
        ambient::{Entry, Inbox, Logged, Target, record},
    },
    stage::Stage,
};

/// Runs `body`, and returns its value and everything it logged, as numbers by name.
///
/// A name that is logged several times has its last value; a stateful metric has the value of all
/// its updates. A key finds what its own module has logged. What cannot be a metric (a tensor of
/// several elements, an input that a metric rejects) is a NaN. Metrics logged with `per_stage` have
/// the names of their stage.
///
/// ```
/// use lightning_core::{log, testing::capture};
///
/// let (value, logged) = capture(|| {
///     log("loss", &0.5);
///     2 + 2
/// });
/// assert_eq!((value, logged["loss"]), (4, 0.5));
/// ```
pub fn capture<R>(body: impl FnOnce() -> R) -> (R, Metrics) {
    capture_in(Stage::Fit, body)
}

/// As [`capture`], in the given stage.
///
/// ```
/// use lightning_core::{Stage, log, testing::capture_in};
///
/// let ((), logged) = capture_in(Stage::Validate, || log("loss", &0.5));
/// assert_eq!(logged["loss"], 0.5);
/// ```
pub fn capture_in<R>(stage: Stage, body: impl FnOnce() -> R) -> (R, Metrics) {
    let mut inbox = Inbox::default();
    let value = record(None, stage, true, &mut inbox, body);
    let mut metrics = Metrics::default();
    let mut stateful: Vec<(Target, Box<dyn AnyMetric>)> = Vec::new();
    for Entry { target, value, .. } in inbox.entries {
        let value = match value {
            Logged::Value(number) => MetricValue::Scalar(number),
            Logged::Tensor(_) | Logged::Invalid(_) => MetricValue::Scalar(f64::NAN),
            Logged::Metric(update) => updated(&target, update, &mut stateful).unwrap_or(MetricValue::Scalar(f64::NAN)),
        };
        match target {
            Target::Declared { module, name } => metrics.capture(module, name, &value),
            Target::Named(name, _) => metrics.set_value(&name, "", "", &value),
            // Only a run has slots.
            Target::Slot(_) => {}
        }
    }
    (value, metrics)
}

/// Updates a stateful metric and returns its value; `None` if it rejects the input or has no value.
fn updated(
    target: &Target,
    update: MetricUpdate,
    metrics: &mut Vec<(Target, Box<dyn AnyMetric>)>,
) -> Option<MetricValue> {
    if let Some(metric) = update.template {
        metrics.push((target.clone(), metric));
    }
    let (_, metric) = metrics.iter_mut().find(|(known, _)| known == target)?;
    metric.accumulate(&*update.input.ok()?).ok()?;
    metric.compute().ok()
}
