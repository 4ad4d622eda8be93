//! What `#[log]` and `log` become.

use std::any::TypeId;

use super::traits::LightningImpl;
use crate::{
    metrics::{
        LogValue,
        ambient::{Frame, Target, push, short_name},
    },
    stage::Stage,
};

pub(crate) fn declared_target<M: LightningImpl>(frame: &Frame, slot: usize) -> Option<Target> {
    match frame.module {
        Some(module) if module == TypeId::of::<M>() => Some(Target::Slot(slot as u32)),
        // A step of an inner module: never into the outer's slots.
        Some(_) => M::METRICS.get(slot).map(|def| Target::Named(format!("{}.{}", short_name::<M>(), def.name))),
        None => M::METRICS.get(slot).map(|def| Target::Named(def.name.to_owned())),
    }
}

pub(crate) fn declared_name<M: LightningImpl>(slot: usize) -> &'static str {
    M::METRICS.get(slot).map_or("", |def| def.name)
}

/// What `#[log]` becomes.
#[doc(hidden)]
pub fn log_slot<M: LightningImpl, V: LogValue + ?Sized>(slot: usize, value: &V) {
    push(|frame| declared_target::<M>(frame, slot), value.to_logged(), None, declared_name::<M>(slot));
}

/// What `#[log(batch_size = …)]` becomes.
#[doc(hidden)]
pub fn log_weighted<M: LightningImpl, V: LogValue + ?Sized, W: LogValue>(slot: usize, value: &V, weight: W) {
    let weight = Some(weight.to_logged());
    push(|frame| declared_target::<M>(frame, slot), value.to_logged(), weight, declared_name::<M>(slot));
}

/// What `#[log(per_stage)]` becomes: `slot` is training's, the next two are validation's and test's.
#[doc(hidden)]
pub fn log_per_stage<M: LightningImpl, V: LogValue + ?Sized>(slot: usize, value: &V) {
    push(|frame| stage_target::<M>(frame, slot), value.to_logged(), None, declared_name::<M>(slot));
}

/// What `#[log(per_stage, batch_size = …)]` becomes.
#[doc(hidden)]
pub fn log_weighted_per_stage<M: LightningImpl, V: LogValue + ?Sized, W: LogValue>(slot: usize, value: &V, weight: W) {
    let weight = Some(weight.to_logged());
    push(|frame| stage_target::<M>(frame, slot), value.to_logged(), weight, declared_name::<M>(slot));
}

/// The slot of the running stage, of three that lie side by side.
pub(crate) fn stage_target<M: LightningImpl>(frame: &Frame, slot: usize) -> Option<Target> {
    let offset = match frame.stage {
        Stage::Fit => 0,
        Stage::Validate => 1,
        Stage::Test => 2,
        Stage::Predict => return None,
    };
    declared_target::<M>(frame, slot + offset)
}

/// Logs a value under a name of run time, from inside a step or hook.
///
/// Prefer `#[log]` on a `let`: it gives a typed key, and a misspelt one does not compile. A value logged here is kept for
/// single steps in training and for the epoch elsewhere; monitor it with
/// [`MetricKey::named`](crate::MetricKey::named). Outside a run it does nothing.
pub fn log<V: LogValue + ?Sized>(name: &str, value: &V) {
    push(|_| Some(Target::Named(name.to_owned())), value.to_logged(), None, name);
}

/// Logs several values under names of run time; see [`log`].
pub fn log_dict<'a, V: LogValue + 'a>(values: impl IntoIterator<Item = (&'a str, V)>) {
    for (name, value) in values {
        log(name, &value);
    }
}
