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
//! | the values of several processes | [`merge`] |
//! | storing in a checkpoint and restoring | [`checkpoint`], [`record`] |
//! | the options of a metric, a stage and loader, a value | [`slot`], [`scope`], [`cell`] |

use std::collections::HashMap;

use super::{MetricDef, Metrics, Shown};
use crate::{
    error::{Error, ErrorKind},
    metrics::ambient::Logged,
    stage::Stage,
};

mod cell;
mod checkpoint;
mod end;
mod log;
mod merge;
mod read;
mod record;
mod scope;
mod slot;

pub(crate) use self::{
    end::EpochValue,
    merge::{RankMetrics, RankValues},
    record::MetricsRecord,
    scope::ScopeId,
};
use self::{scope::Scope, slot::Slot};

/// A logged value that waits to be read from the device.
#[derive(Debug)]
struct Pending {
    scope: usize,
    slot: usize,
    value: Logged,
    weight: Logged,
    place: Place,
    is_part: bool,
}

/// The epoch and the batch in which a value was logged.
pub(crate) type Place = (u64, u64);

/// Where logged values come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) place: Place,
    /// The weight of values without one.
    pub(crate) batch_size: Option<usize>,
    /// Whether a step or a hook of a batch logged them. A name of run time is then a step value in
    /// training, and an epoch value otherwise.
    pub(crate) in_batch: bool,
    /// Whether the batch is divided, and this is one of its parts.
    pub(crate) is_part: bool,
}

/// A metric that has become NaN or infinite.
#[derive(Clone, Debug)]
pub(crate) struct NotFinite {
    slot: usize,
    /// The first such value, and where it was logged.
    value: f64,
    pub(crate) place: Place,
    /// Whether a warning was returned.
    warned: bool,
}

impl NotFinite {
    /// Returns the end of a sentence about the metric or the loss.
    pub(crate) fn describe(value: f64, (epoch, batch): Place) -> String {
        let what = if value.is_nan() { "NaN" } else { "infinite" };
        format!("is {what}, seen in epoch {epoch} at batch {batch}")
    }
}

/// The metrics of a run.
///
/// A slot is a metric, a scope is a stage and loader, and each pair of them has a cell. Slots and
/// scopes are indices, so that adding a value looks up no name.
#[derive(Debug, Default)]
pub(crate) struct MetricStore {
    slots: Vec<Slot>,
    /// The slots of the names that `log` was called with: of epoch values and of step values.
    named: HashMap<String, [Option<usize>; 2]>,
    scopes: Vec<Scope>,
    pending: Vec<Pending>,
    metrics: Metrics,
    bar: Metrics,
    /// Where the last values were logged.
    place: Place,
    /// Whether step values have changed since they were last written to `metrics`.
    stale: bool,
    /// The number of slots that the module declares; they are the first.
    declared: usize,
    /// The stage whose epoch is ending: hooks see its values before the epoch has ended.
    ending: Option<Stage>,
    /// The metrics that have been NaN or infinite.
    not_finite: Vec<NotFinite>,
    /// Whether a value was NaN or infinite since the last look at the losses.
    suspicious: bool,
    /// The tables and curves that were not passed to the loggers yet.
    shown: Vec<(String, Shown)>,
    /// Whether a name was left out, because there are too many.
    has_left_out: bool,
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
        self.not_finite.clear();
        self.suspicious = false;
        self.ending = None;
        self.shown.clear();
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
    fn name_slot(&mut self, name: String, in_batches: bool) -> usize {
        let slot = self.slots.len();
        self.slots.push(Slot::named(name.clone(), in_batches));
        if let Some(known) = self.named.entry(name).or_default().get_mut(usize::from(in_batches)) {
            *known = Some(slot);
        }
        slot
    }

    /// Returns the slot of a name that `log` was called with: that of epoch or of step values.
    fn slot_of_name(&self, name: &str, epoch: bool) -> Option<usize> {
        self.named.get(name).and_then(|slots| slots.get(usize::from(!epoch)).copied().flatten())
    }

    fn slot_name(&self, slot: usize) -> String {
        self.slots.get(slot).map(|slot| slot.name.clone().into_owned()).unwrap_or_default()
    }

    /// Adds the name of the metric to an error.
    fn of_metric(&self, slot: usize, what: &str, error: Error) -> Error {
        let name = self.slot_name(slot);
        let kind = if error.kind() == ErrorKind::Panic { ErrorKind::Panic } else { ErrorKind::Metric };
        Error::new(kind, format!("the metric `{name}` {what}")).caused_by(error)
    }

    /// Notes that a metric has become NaN or infinite.
    fn note_not_finite(&mut self, slot: usize, value: f64, place: Place) {
        if value.is_finite() {
            return;
        }
        self.suspicious = true;
        if !self.not_finite.iter().any(|known| known.slot == slot) {
            self.not_finite.push(NotFinite { slot, value, place, warned: false });
        }
    }

    /// Whether a metric became NaN or infinite at this place.
    pub(crate) fn was_not_finite_at(&self, place: Place) -> bool {
        self.not_finite.iter().any(|known| known.place == place)
    }

    /// Notes that a loss may have been NaN or infinite.
    pub(crate) fn suspect(&mut self) {
        self.suspicious = true;
    }

    /// Whether a value was NaN or infinite since the last call.
    pub(crate) fn take_suspicious(&mut self) -> bool {
        std::mem::take(&mut self.suspicious)
    }

    /// Returns the warnings since the last call.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Returns a sentence for each metric that has become NaN or infinite since the last call.
    pub(crate) fn take_not_finite(&mut self) -> Vec<String> {
        let Self { slots, not_finite, .. } = self;
        let fresh = not_finite.iter_mut().filter(|known| !known.warned);
        fresh
            .filter_map(|known| {
                known.warned = true;
                let name = &slots.get(known.slot)?.name;
                Some(format!("`{name}` {}", NotFinite::describe(known.value, known.place)))
            })
            .collect()
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
