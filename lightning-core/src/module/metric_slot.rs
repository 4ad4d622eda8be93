//! The expansion of `#[log(metric = …)]`.

use std::{any::Any, marker::PhantomData};

use super::traits::LightningImpl;
use crate::{
    metrics::{
        AnyMetric, Metric, MetricInput, MetricUpdate,
        ambient::{Frame, Target, push_metric},
    },
    module::log::{declared_name, declared_target, stage_target},
};

/// The first part of the expansion of `#[log(metric = make)]`. The type of the metric is known
/// before that of the value, so that a compiler error names the inputs of the metric.
#[doc(hidden)]
pub fn logged_metric<M, X, F: FnOnce() -> X>(slot: usize, make: F) -> MetricSlot<M, F> {
    MetricSlot { slot, make, module: PhantomData }
}

/// The slot of a stateful metric of `M`, and the function that creates the metric.
#[doc(hidden)]
#[derive(Debug)]
pub struct MetricSlot<M, F> {
    slot: usize,
    make: F,
    module: PhantomData<fn() -> M>,
}

impl<M: LightningImpl, X, F: FnOnce() -> X> MetricSlot<M, F> {
    /// Logs a value. The metric is created once in a run; the value is converted to its input at
    /// once.
    pub fn log<V>(self, value: &V)
    where
        X: Metric,
        V: MetricInput<X::Input> + ?Sized,
    {
        push(|frame| declared_target::<M>(frame, self.slot), self.make, value, declared_name::<M>(self.slot));
    }

    /// Logs a value with `per_stage`: the slot is that of training; those of validation and test
    /// follow.
    pub fn log_per_stage<V>(self, value: &V)
    where
        X: Metric,
        V: MetricInput<X::Input> + ?Sized,
    {
        push(|frame| stage_target::<M>(frame, self.slot), self.make, value, declared_name::<M>(self.slot));
    }
}

pub(crate) fn push<X: Metric, V: MetricInput<X::Input> + ?Sized>(
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
