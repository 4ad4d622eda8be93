//! For unit tests of modules: what does a step log?

use crate::{
    context::{Entry, Logged, Target, record},
    metrics::Metrics,
    stage::Stage,
};

/// Runs `body`, and gives back its value and everything it logged, as numbers by name.
///
/// A value logged several times is there with its last value; one that cannot be a metric (several elements) is there as a
/// NaN. Metrics logged with `per_stage` are given under their training names.
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
    let mut entries: Vec<Entry> = Vec::new();
    let value = record(None, stage, true, &mut entries, body);
    let mut metrics = Metrics::default();
    for Entry { target, value, .. } in entries {
        if let Target::Named(name) = target {
            let number = match value {
                Logged::Value(value) => value,
                Logged::Tensor(_) | Logged::Invalid(_) => f64::NAN,
            };
            metrics.set(&name, number);
        }
    }
    (value, metrics)
}
