//! What `#[log(metric = …)]` becomes.

use std::any::Any;

use super::{AnyMetric, Metric, MetricInput};
use crate::{
    context::{Frame, Target, declared_name, declared_target, push_metric, stage_target},
    error::Result,
    module::LightningImpl,
};

/// One update of a stateful metric on its way to the store.
pub(crate) struct MetricUpdate {
    /// In the metric's own form; what did not fit is an error of the step.
    pub(crate) input: Result<Box<dyn Any + Send>>,
    /// The metric itself, where the store may not have it yet.
    pub(crate) template: Option<Box<dyn AnyMetric>>,
}

impl std::fmt::Debug for MetricUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricUpdate").field("template", &self.template).finish_non_exhaustive()
    }
}

/// What `#[log(metric = make)]` becomes. The metric is made once a run; the value is turned into its input at once.
#[doc(hidden)]
pub fn log_metric<M, X, V>(slot: usize, make: impl FnOnce() -> X, value: &V)
where
    M: LightningImpl,
    X: Metric,
    V: MetricInput<X::Input> + ?Sized,
{
    push(|frame| declared_target::<M>(frame, slot), make, value, declared_name::<M>(slot));
}

/// What `#[log(metric = make, per_stage)]` becomes: `slot` is training's, the next two are validation's and test's.
#[doc(hidden)]
pub fn log_metric_per_stage<M, X, V>(slot: usize, make: impl FnOnce() -> X, value: &V)
where
    M: LightningImpl,
    X: Metric,
    V: MetricInput<X::Input> + ?Sized,
{
    push(|frame| stage_target::<M>(frame, slot), make, value, declared_name::<M>(slot));
}

fn push<X: Metric, V: MetricInput<X::Input> + ?Sized>(
    target: impl FnOnce(&Frame) -> Option<Target>,
    make: impl FnOnce() -> X,
    value: &V,
    name: &str,
) {
    let update = |wanted: bool| MetricUpdate {
        input: value.to_input().map(|input| Box::new(input) as Box<dyn Any + Send>),
        template: wanted.then(|| Box::new(make()) as Box<dyn AnyMetric>),
    };
    push_metric(target, update, name);
}
