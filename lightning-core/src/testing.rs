//! For unit tests of modules: what does a step log?

use crate::{
    metrics::{
        AnyMetric, MetricValue, Metrics,
        ambient::{Entry, Inbox, Logged, Target, record},
    },
    stage::Stage,
};

/// Runs `body`, and gives back its value and everything it logged, as numbers by name.
///
/// A value logged several times is there with its last value, and a stateful metric with the value of all that it was given; what cannot
/// be a metric (a tensor of several elements, an input that the metric refuses) is there as a NaN. Metrics logged with `per_stage` are
/// given under the names of their stage.
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

/// As [`capture`], as if in the given stage.
pub fn capture_in<R>(stage: Stage, body: impl FnOnce() -> R) -> (R, Metrics) {
    let mut inbox = Inbox::default();
    let value = record(None, stage, true, &mut inbox, body);
    let mut metrics = Metrics::default();
    let mut stateful: Vec<(String, Box<dyn AnyMetric>)> = Vec::new();
    for Entry { target, value, .. } in inbox.entries {
        let Target::Named(name) = target else { continue };
        match value {
            Logged::Value(number) => metrics.set(&name, number),
            Logged::Tensor(_) | Logged::Invalid(_) => metrics.set(&name, f64::NAN),
            Logged::Metric(update) => {
                if let Some(metric) = update.template {
                    stateful.push((name.clone(), metric));
                }
                let metric = stateful.iter_mut().find(|(known, _)| *known == name);
                let value = metric.map(|(_, metric)| {
                    metric.accumulate(&*update.input?)?;
                    metric.compute()
                });
                match value {
                    Some(Ok(value)) => metrics.set_value(&name, "", "", &value),
                    _ => metrics.set_value(&name, "", "", &MetricValue::Scalar(f64::NAN)),
                }
            }
        }
    }
    (value, metrics)
}
