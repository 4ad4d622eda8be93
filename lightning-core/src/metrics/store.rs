//! What was logged, kept as numbers in flat arrays until somebody asks.
//!
//! A step's values arrive as [`Entry`]s. On a host device they are numbers already; on any other device they are
//! detached handles, which wait in `pending` until the next refresh and are then read in one transaction. A stateful metric
//! keeps its own state, and is asked for its value at the next refresh or at the end of the epoch.

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

#[derive(Debug)]
struct Pending {
    scope: usize,
    slot: usize,
    value: Logged,
    weight: Logged,
    /// The step that logged it, by the store's own count.
    step: u64,
}

/// Everything logged in a run.
#[derive(Debug, Default)]
pub(crate) struct MetricStore {
    slots: Vec<Slot>,
    named: HashMap<String, usize>,
    scopes: Vec<Scope>,
    pending: Vec<Pending>,
    /// Steps that have ended.
    step: u64,
    metrics: Metrics,
    bar: Metrics,
    /// Whether single-step values changed since `metrics` was written.
    stale: bool,
    /// How many of the slots the module declares.
    declared: usize,
    /// Metrics that have been NaN, and whether that has been told.
    not_a_number: Vec<(usize, bool)>,
    /// Tables that loggers have not got yet.
    tables: Vec<(String, String)>,
    /// What nobody has been told yet.
    warnings: Vec<String>,
}

impl MetricStore {
    /// A store with the module's declared metrics in the first slots.
    pub(crate) fn new(defs: &[MetricDef]) -> Self {
        Self { slots: defs.iter().map(Slot::declared).collect(), declared: defs.len(), ..Self::default() }
    }

    /// Forgets all values, best ones included, at the start of a run.
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

    /// The scope of a stage and loader, made empty.
    pub(crate) fn open(&mut self, stage: Stage, loader: usize, suffix: &str) -> ScopeId {
        let id = self.reopen(stage, loader, suffix);
        if let Some(scope) = self.scopes.get_mut(id.0) {
            scope.cells.clear();
        }
        id
    }

    /// The scope of a stage and loader, with what it has.
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

    fn name_slot(&mut self, name: String, on_step: bool, on_epoch: bool) -> usize {
        self.slots.push(Slot::named(name.clone(), on_step, on_epoch));
        self.named.insert(name, self.slots.len() - 1);
        self.slots.len() - 1
    }

    fn slot_name(&self, slot: usize) -> String {
        self.slots.get(slot).map(|slot| slot.name.clone().into_owned()).unwrap_or_default()
    }

    fn blame(&self, slot: usize, what: &str, error: Error) -> Error {
        let name = self.slot_name(slot);
        Error::new(ErrorKind::Metric, format!("the metric `{name}` {what}")).caused_by(error)
    }

    /// Remembers a metric that has become NaN.
    fn note(&mut self, slot: usize, value: f64) {
        if value.is_nan() && !self.not_a_number.iter().any(|(known, _)| *known == slot) {
            self.not_a_number.push((slot, false));
        }
    }

    /// What has to be told since the last call.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// The metrics that have become NaN since the last call.
    pub(crate) fn take_not_a_number(&mut self) -> Vec<String> {
        let fresh = self.not_a_number.iter_mut().filter(|(_, told)| !*told);
        let slots: Vec<usize> = fresh
            .map(|(slot, told)| {
                *told = true;
                *slot
            })
            .collect();
        slots.into_iter().filter_map(|slot| self.slots.get(slot)).map(|slot| slot.name.clone().into_owned()).collect()
    }

    /// The best epoch value of each directed metric: name, value, epoch.
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
