//! What `#[log(metric = …)]` becomes.

use std::{any::Any, marker::PhantomData};

use super::traits::LightningImpl;
use crate::{
    metrics::{
        AnyMetric, Metric, MetricInput, MetricUpdate,
        ambient::{Frame, Target, push_metric},
    },
    module::log::{declared_name, declared_target, stage_target},
};

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
