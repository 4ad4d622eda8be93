//! The functions that `#[log]` expands to, and `log`.

use std::any::{TypeId, type_name};

use super::traits::LightningImpl;
use crate::{
    metrics::{
        LogOptions, LogValue, LoggedValue,
        ambient::{Frame, Target, push, short_name},
    },
    stage::Stage,
};

pub(crate) fn declared_target<M: LightningImpl>(frame: &Frame, slot: usize) -> Option<Target> {
    match frame.module {
        Some(module) if module == TypeId::of::<M>() => Some(Target::Slot(slot as u32)),
        // The step of an inner module does not log into the slots of the outer module.
        Some(_) => M::METRICS.get(slot).map(|def| named(format!("{}.{}", short_name::<M>(), def.name))),
        None => M::METRICS.get(slot).map(|def| Target::Declared { module: type_name::<M>(), name: def.name }),
    }
}

pub(crate) fn declared_name<M: LightningImpl>(slot: usize) -> &'static str {
    M::METRICS.get(slot).map_or("", |def| def.name)
}

/// The expansion of `#[log]`.
#[doc(hidden)]
pub fn log_slot<M: LightningImpl, V: LogValue + ?Sized>(slot: usize, value: &V) {
    push(|frame| declared_target::<M>(frame, slot), value.to_logged(), None, declared_name::<M>(slot));
}

/// The expansion of `#[log(batch_size = …)]`.
#[doc(hidden)]
pub fn log_weighted<M: LightningImpl, V: LogValue + ?Sized>(slot: usize, value: &V, weight: LoggedValue) {
    let weight = Some(weight);
    push(|frame| declared_target::<M>(frame, slot), value.to_logged(), weight, declared_name::<M>(slot));
}

/// The expansion of `#[log(per_stage)]`. `slot` is that of training; those of validation and test
/// follow.
#[doc(hidden)]
pub fn log_per_stage<M: LightningImpl, V: LogValue + ?Sized>(slot: usize, value: &V) {
    push(|frame| stage_target::<M>(frame, slot), value.to_logged(), None, declared_name::<M>(slot));
}

/// The expansion of `#[log(per_stage, batch_size = …)]`.
#[doc(hidden)]
pub fn log_weighted_per_stage<M: LightningImpl, V: LogValue + ?Sized>(slot: usize, value: &V, weight: LoggedValue) {
    let weight = Some(weight);
    push(|frame| stage_target::<M>(frame, slot), value.to_logged(), weight, declared_name::<M>(slot));
}

/// Returns the target of the current stage, for three consecutive slots.
pub(crate) fn stage_target<M: LightningImpl>(frame: &Frame, slot: usize) -> Option<Target> {
    let offset = match frame.stage {
        Stage::Fit => 0,
        Stage::Validate => 1,
        Stage::Test => 2,
        Stage::Predict => return None,
    };
    declared_target::<M>(frame, slot + offset)
}

/// Logs a value under a name known only at run time, from a step or hook.
///
/// Prefer `#[log]` on a `let`: it declares a typed key, and a misspelt key does not compile. A
/// value logged here is logged for each step in training and for the epoch elsewhere. Monitor it
/// with [`MetricKey::named`](crate::MetricKey::named). Outside a run it does nothing.
pub fn log<V: LogValue + ?Sized>(name: &str, value: &V) {
    log_with(name, value, LogOptions::new());
}

/// As [`log`], with options: whether the progress bar shows the value, whether it is logged for
/// each step, for the epoch or for both, and how an epoch is reduced.
///
/// The run ends with an error if a name is logged with other options in the same place.
///
/// ```
/// use lightning_core::{log_with, metrics::{LogOptions, Reduce}};
///
/// log_with("episodes", &1, LogOptions::new().on_step(false).reduce(Reduce::Sum));
/// ```
pub fn log_with<V: LogValue + ?Sized>(name: &str, value: &V, options: LogOptions) {
    push(|_| Some(Target::Named(name.to_owned(), options)), value.to_logged(), None, name);
}

/// A name of run time with the default options.
fn named(name: String) -> Target {
    Target::Named(name, LogOptions::new())
}

/// Logs several values under names known only at run time; see [`log`].
pub fn log_dict<'a, V: LogValue + 'a>(values: impl IntoIterator<Item = (&'a str, V)>) {
    for (name, value) in values {
        log(name, &value);
    }
}
