//! Merges the metrics of the processes that train together.

use std::collections::BTreeSet;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    MetricStore,
    cell::{Accumulator, Cell},
    record::{AccumulatorRecord, MeterRecord, MetricsRecord, NamedRecord, ScopeRecord, ValueRecord},
};
use crate::{error::Result, os::panics::catch_panic, stage::Stage};

/// What one process has logged in an epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RankMetrics {
    named: Vec<NamedRecord>,
    scopes: Vec<ScopeRecord>,
    /// The stateful metrics whose types the process knows.
    known: BTreeSet<String>,
}

impl MetricsRecord {
    /// Adds the numbers of another process. Returns the names of stateful metrics that both have,
    /// whose states only their types can merge.
    pub(crate) fn absorb(&mut self, other: &Self) -> Vec<String> {
        let mut lost = Vec::new();
        for scope in &other.scopes {
            let Some(own) = self.scopes.iter_mut().find(|own| own.stage == scope.stage && own.loader == scope.loader)
            else {
                self.scopes.push(scope.clone());
                continue;
            };
            for numbers in &scope.accumulators {
                match own.accumulators.iter_mut().find(|one| (&one.name, one.epoch) == (&numbers.name, numbers.epoch)) {
                    Some(known) => {
                        let mut sum = known.cell().numbers;
                        sum.merge(&numbers.cell().numbers);
                        *known =
                            AccumulatorRecord { epoch: known.epoch, ..AccumulatorRecord::new(&numbers.name, &sum) };
                    }
                    None => own.accumulators.push(numbers.clone()),
                }
            }
            for meter in &scope.stateful {
                match own.stateful.iter().any(|one| (&one.name, one.epoch) == (&meter.name, meter.epoch)) {
                    true => lost.push(meter.name.clone()),
                    false => own.stateful.push(meter.clone()),
                }
            }
        }
        lost
    }

    /// Returns the record without the values of epochs in progress.
    pub(crate) fn without_values(&self) -> Self {
        Self { scopes: Vec::new(), ..self.clone() }
    }
}

/// The values of stateful metrics, for processes that do not know their types.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RankValues(Vec<(usize, String, bool, Option<ValueRecord>)>);

impl MetricStore {
    /// Returns what this process has logged in the epoch of a stage and is not merged yet.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn unmerged(&mut self, stage: Stage) -> Result<RankMetrics> {
        let mut record = self.record()?;
        record.scopes.retain(|scope| scope.stage == stage);
        for scope in &mut record.scopes {
            let cells = self.scopes.iter().find(|own| own.stage == stage && own.loader == scope.loader);
            let is_merged = |name: &str, epoch: bool| {
                let slot = self.slot_of_record(name, epoch);
                slot.and_then(|slot| cells?.cells.get(slot)).is_some_and(Cell::is_merged)
            };
            scope.accumulators.retain(|one| one.count > 0 && !is_merged(&one.name, one.epoch));
            scope.stateful.retain(|one| one.updates > 0 && !is_merged(&one.name, one.epoch));
        }
        let known = self.slots.iter().filter(|slot| slot.template.is_some());
        Ok(RankMetrics {
            named: record.named,
            known: known.map(|slot| slot.name.clone().into_owned()).collect(),
            scopes: record.scopes,
        })
    }

    /// Replaces the values of the epoch of a stage by those of all processes, whose metrics are in
    /// the order of their ranks. Returns whether some process lacks the value of a metric whose
    /// type it does not know; [`values_of_known`](Self::values_of_known) of the others has it.
    ///
    /// # Errors
    /// If the states of a metric cannot be merged.
    pub(crate) fn merge(&mut self, stage: Stage, all: &[RankMetrics], device: &Device) -> Result<bool> {
        for NamedRecord { name, in_batches, options } in all.iter().flat_map(|rank| &rank.named) {
            if self.slot_of_record(name, !in_batches).is_none() {
                let slot = self.name_slot(name.clone(), *in_batches);
                if let Some(slot) = self.slots.get_mut(slot) {
                    slot.set(*options);
                }
            }
        }
        let mut is_lacking = false;
        let scopes = all.iter().flat_map(|rank| &rank.scopes);
        let loaders: BTreeSet<(usize, &str)> = scopes.clone().map(|one| (one.loader, one.suffix.as_str())).collect();
        for (loader, suffix) in loaders {
            let scope = self.reopen(stage, loader, suffix).0;
            let of_loader = || scopes.clone().filter(move |one| one.loader == loader);
            let numbers = of_loader().flat_map(|one| &one.accumulators);
            let names: BTreeSet<(&str, bool)> = numbers.clone().map(|one| (one.name.as_str(), one.epoch)).collect();
            for (name, epoch) in names {
                let parts = numbers.clone().filter(|one| one.name == name && one.epoch == epoch);
                self.merge_numbers(scope, (name, epoch), parts);
            }
            let meters = of_loader().flat_map(|one| &one.stateful);
            let names: BTreeSet<(&str, bool)> = meters.clone().map(|one| (one.name.as_str(), one.epoch)).collect();
            for (name, epoch) in names {
                let parts: Vec<_> = meters.clone().filter(|one| one.name == name && one.epoch == epoch).collect();
                is_lacking |= parts.len() > 1 && all.iter().any(|rank| !rank.known.contains(name));
                self.merge_meters(scope, (name, epoch), &parts, device)?;
            }
        }
        self.stale = true;
        Ok(is_lacking)
    }

    fn merge_numbers<'a>(
        &mut self,
        scope: usize,
        (name, epoch): (&str, bool),
        parts: impl Iterator<Item = &'a AccumulatorRecord>,
    ) {
        let Some(slot) = self.slot_of_record(name, epoch) else { return };
        let Some(cell) = self.scopes.get_mut(scope).and_then(|scope| scope.cell(slot)) else { return };
        let own = std::mem::take(&mut cell.numbers);
        let mut sum = parts.fold(Accumulator::default(), |mut sum, part| {
            sum.merge(&part.cell().numbers);
            sum
        });
        (sum.last, sum.fresh, sum.is_merged) = (own.last, own.fresh, true);
        cell.numbers = sum;
    }

    fn merge_meters(
        &mut self,
        scope: usize,
        (name, epoch): (&str, bool),
        parts: &[&MeterRecord],
        device: &Device,
    ) -> Result<()> {
        let Some(slot) = self.slot_of_record(name, epoch) else { return Ok(()) };
        let template = self.slots.get(slot).and_then(|slot| slot.template.as_ref()).map(|known| known.fresh());
        let merged = match template {
            None => None,
            Some(mut merged) => {
                let added = catch_panic(|| parts.iter().try_for_each(|part| merged.merge_state(&part.state, device)));
                added.map_err(|error| self.of_metric(slot, "cannot be merged over the ranks", error))?;
                Some(merged)
            }
        };
        let Some(cell) = self.scopes.get_mut(scope).and_then(|scope| scope.cell(slot)) else { return Ok(()) };
        let meter = cell.meter.get_or_insert_default();
        meter.updates = parts.iter().map(|part| part.updates).sum();
        (meter.computed, meter.is_merged) = (None, true);
        match (merged, parts) {
            (Some(merged), _) => (meter.epoch, meter.stored) = (Some(merged), None),
            // The only part is the whole.
            (None, [part]) => {
                meter.stored = Some((part.state.clone(), part.value.as_ref().and_then(ValueRecord::value)));
            }
            (None, _) => meter.stored = Some((Value::Null, None)),
        }
        Ok(())
    }

    /// Returns the values of the merged stateful metrics in the epoch of a stage.
    pub(crate) fn values_of_known(&mut self, stage: Stage) -> RankValues {
        let Self { slots, scopes, declared, .. } = self;
        let mut values = Vec::new();
        for scope in scopes.iter_mut().filter(|scope| scope.stage == stage) {
            for (index, (slot, cell)) in slots.iter().zip(&mut scope.cells).enumerate() {
                if cell.meter.as_ref().is_some_and(|meter| meter.is_merged) && slot.template.is_some() {
                    let value = cell.so_far(slot.reduce).as_ref().map(ValueRecord::from);
                    let epoch = index >= *declared && !slot.in_batches;
                    values.push((scope.loader, slot.name.clone().into_owned(), epoch, value));
                }
            }
        }
        RankValues(values)
    }

    /// Sets the values of merged metrics whose types this process does not know.
    pub(crate) fn set_unknown(&mut self, stage: Stage, all: &[RankValues]) {
        for (loader, name, epoch, value) in all.iter().flat_map(|RankValues(values)| values) {
            let Some(slot) = self.slot_of_record(name, *epoch) else { continue };
            let scope = self.scopes.iter_mut().find(|scope| scope.stage == stage && scope.loader == *loader);
            let meter = scope.and_then(|scope| scope.cell(slot)).and_then(|cell| cell.meter.as_mut());
            if let Some((_, known)) = meter.and_then(|meter| meter.stored.as_mut())
                && known.is_none()
            {
                *known = value.as_ref().and_then(ValueRecord::value);
            }
        }
    }

    fn slot_of_record(&self, name: &str, epoch: bool) -> Option<usize> {
        let declared = self.slots.iter().take(self.declared).position(|slot| slot.name == name);
        declared.or_else(|| self.slot_of_name(name, epoch))
    }
}
