//! The metrics of a run: reduces what steps and hooks log.
//!
//! Logged values arrive as `Entry`s. On a host device they are numbers; on other devices they are
//! detached tensors, which wait in `pending` until the next refresh reads all of them in one
//! transaction. A stateful metric computes its value at a refresh (of the last step) or at the end
//! of the epoch.
//!
//! | subject | file |
//! |---|---|
//! | adding logged values | [`log`] |
//! | reading waiting tensors, and the current values | [`read`] |
//! | the ends of steps and epochs | [`end`] |
//! | storing in a checkpoint and restoring | [`checkpoint`], [`record`] |
//! | the options of a metric, a stage and loader, a value | [`slot`], [`scope`], [`cell`] |

use std::collections::HashMap;

use super::{MetricDef, Metrics};
use crate::{
    error::{Error, ErrorKind},
    metrics::ambient::Logged,
    stage::Stage,
};

mod cell;
mod checkpoint;
mod end;
mod log;
mod read;
mod record;
mod scope;
mod slot;

pub(crate) use self::{end::EpochValue, record::MetricsRecord, scope::ScopeId};
use self::{scope::Scope, slot::Slot};

/// A logged value that waits to be read from the device.
#[derive(Debug)]
struct Pending {
    scope: usize,
    slot: usize,
    value: Logged,
    weight: Logged,
    /// The step that logged it, as `MetricStore::step` counts.
    step: u64,
}

/// The metrics of a run.
///
/// A slot is a metric, a scope is a stage and loader, and each pair of them has a cell. Slots and
/// scopes are indices, so that adding a value looks up no name.
#[derive(Debug, Default)]
pub(crate) struct MetricStore {
    slots: Vec<Slot>,
    named: HashMap<String, usize>,
    scopes: Vec<Scope>,
    pending: Vec<Pending>,
    /// The number of ended steps.
    step: u64,
    metrics: Metrics,
    bar: Metrics,
    /// Whether step values have changed since they were last written to `metrics`.
    stale: bool,
    /// The number of slots that the module declares; they are the first.
    declared: usize,
    /// The slots of metrics that have been NaN, and whether a warning was returned.
    not_a_number: Vec<(usize, bool)>,
    /// The tables that were not passed to the loggers yet.
    tables: Vec<(String, String)>,
    /// The warnings that were not returned yet.
    warnings: Vec<String>,
}

impl MetricStore {
    /// Creates a store with the module's declared metrics in the first slots.
    pub(crate) fn new(defs: &[MetricDef]) -> Self {
        Self { slots: defs.iter().map(Slot::declared).collect(), declared: defs.len(), ..Self::default() }
    }

    /// Sets the module that the metrics are of, by the name of its type.
    pub(crate) fn of(mut self, type_name: &'static str) -> Self {
        self.metrics.set_module(type_name);
        self
    }

    /// # Errors
    /// If a hook or callback has looked up a key of another module.
    pub(crate) fn check_keys(&mut self) -> crate::error::Result<()> {
        self.metrics.check_keys()
    }

    /// Drops all values, including the best ones, at the start of a run.
    pub(crate) fn reset(&mut self) {
        self.scopes.clear();
        self.pending.clear();
        self.metrics.clear();
        self.bar.clear();
        self.not_a_number.clear();
        self.tables.clear();
        self.warnings.clear();
        for slot in &mut self.slots {
            slot.best = None;
        }
    }

    /// Returns the scope of a stage and loader, and empties it.
    pub(crate) fn open(&mut self, stage: Stage, loader: usize, suffix: &str) -> ScopeId {
        let id = self.reopen(stage, loader, suffix);
        if let Some(scope) = self.scopes.get_mut(id.0) {
            scope.cells.clear();
        }
        id
    }

    /// Returns the scope of a stage and loader with its values.
    pub(crate) fn reopen(&mut self, stage: Stage, loader: usize, suffix: &str) -> ScopeId {
        let index = match self.scopes.iter().position(|scope| scope.stage == stage && scope.loader == loader) {
            Some(index) => index,
            None => {
                self.scopes.push(Scope::new(stage, loader));
                self.scopes.len() - 1
            }
        };
        if let Some(scope) = self.scopes.get_mut(index) {
            suffix.clone_into(&mut scope.suffix);
        }
        self.metrics.name_loader(loader, suffix);
        ScopeId(index)
    }

    /// Adds a slot for a name that the module does not declare.
    fn name_slot(&mut self, name: String, on_step: bool, on_epoch: bool) -> usize {
        self.slots.push(Slot::named(name.clone(), on_step, on_epoch));
        self.named.insert(name, self.slots.len() - 1);
        self.slots.len() - 1
    }

    fn slot_name(&self, slot: usize) -> String {
        self.slots.get(slot).map(|slot| slot.name.clone().into_owned()).unwrap_or_default()
    }

    /// Adds the name of the metric to an error.
    fn of_metric(&self, slot: usize, what: &str, error: Error) -> Error {
        let name = self.slot_name(slot);
        Error::new(ErrorKind::Metric, format!("the metric `{name}` {what}")).caused_by(error)
    }

    /// Notes that a metric has become NaN.
    fn note_nan(&mut self, slot: usize, value: f64) {
        if value.is_nan() && !self.not_a_number.iter().any(|(known, _)| *known == slot) {
            self.not_a_number.push((slot, false));
        }
    }

    /// Returns the warnings since the last call.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Returns the metrics that have become NaN since the last call.
    pub(crate) fn take_not_a_number(&mut self) -> Vec<String> {
        let fresh = self.not_a_number.iter_mut().filter(|(_, warned)| !*warned);
        let slots: Vec<usize> = fresh
            .map(|(slot, warned)| {
                *warned = true;
                *slot
            })
            .collect();
        slots.into_iter().filter_map(|slot| self.slots.get(slot)).map(|slot| slot.name.clone().into_owned()).collect()
    }

    /// Returns the best epoch value of each metric with a direction: name, value and epoch.
    pub(crate) fn best(&self) -> Vec<(String, f64, u64)> {
        self.slots
            .iter()
            .filter_map(|slot| slot.best.map(|(value, epoch)| (slot.name.clone().into_owned(), value, epoch)))
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
