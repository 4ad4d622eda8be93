//! What `#[log(metric = …)]` becomes.

use std::{any::Any, marker::PhantomData};

use super::{AnyMetric, Metric, MetricInput};
use crate::{
    error::Result,
    module::{
        LightningImpl,
        context::{Frame, Target, declared_name, declared_target, push_metric, stage_target},
    },
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

/// What `#[log(metric = make)]` becomes, as far as the value: the metric's type is known before the value is looked at, so that rustc
/// says what the metric does not take.
#[doc(hidden)]
pub fn logged_metric<M, X, F: FnOnce() -> X>(slot: usize, make: F) -> MetricSlot<M, F> {
    MetricSlot { slot, make, module: PhantomData }
}

/// A stateful metric of `M` on its way to its value.
#[doc(hidden)]
#[derive(Debug)]
pub struct MetricSlot<M, F> {
    slot: usize,
    make: F,
    module: PhantomData<fn() -> M>,
}

impl<M: LightningImpl, X, F: FnOnce() -> X> MetricSlot<M, F> {
    /// The metric is made once a run; the value is turned into its input at once.
    pub fn log<V>(self, value: &V)
    where
        X: Metric,
        V: MetricInput<X::Input> + ?Sized,
    {
        push(|frame| declared_target::<M>(frame, self.slot), self.make, value, declared_name::<M>(self.slot));
    }

    /// The same with `per_stage`: the slot is training's, the next two are validation's and test's.
    pub fn log_per_stage<V>(self, value: &V)
    where
        X: Metric,
        V: MetricInput<X::Input> + ?Sized,
    {
        push(|frame| stage_target::<M>(frame, self.slot), self.make, value, declared_name::<M>(self.slot));
    }
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
