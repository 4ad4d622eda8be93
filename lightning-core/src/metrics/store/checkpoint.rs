//! Records a store for a checkpoint, and restores it. Metrics are recorded by name, so that a
//! program that logs other metrics can read the record.

use super::{
    MetricStore, NotFinite,
    record::{AccumulatorRecord, MeterRecord, MetricsRecord, NamedRecord, Number, ScopeRecord, ValueRecord},
    scope::Scope,
};
use crate::{
    error::{Error, Result},
    metrics::{MetricValue, Metrics},
};

/// Returns the names and values, in order.
fn values(metrics: &Metrics) -> Vec<(String, ValueRecord)> {
    let scalars = metrics.iter().map(|(name, value)| (name.to_owned(), ValueRecord::Scalar(Number(value))));
    let matrices = metrics
        .matrices()
        .map(|(name, matrix)| (name.to_owned(), ValueRecord::from(&MetricValue::Matrix(matrix.clone()))));
    scalars.chain(matrices).collect()
}

/// Returns the metrics with these names and values.
fn metrics(values: &[(String, ValueRecord)]) -> Metrics {
    let mut metrics = Metrics::default();
    for (name, value) in values {
        if let Some(value) = value.value() {
            metrics.set_value(name, "", "", &value);
        }
    }
    metrics
}

impl MetricStore {
    /// Returns what a resumed run needs.
    ///
    /// # Errors
    /// If the device fails while waiting tensors and the states of metrics are read.
    pub(crate) fn record(&mut self) -> Result<MetricsRecord> {
        self.refresh()?;
        self.write_step_values();
        let Self { slots, scopes, metrics, bar, declared, not_finite, .. } = self;
        let mut recorded = Vec::with_capacity(scopes.len());
        for scope in scopes {
            let (mut accumulators, mut stateful) = (Vec::new(), Vec::new());
            for (index, (slot, cell)) in slots.iter().zip(&mut scope.cells).enumerate() {
                // A step value of the last epoch may wait for the next row of the loggers.
                if !(cell.is_filled() || slot.on_step && cell.is_fresh()) {
                    continue;
                }
                let epoch = index >= *declared && !slot.in_batches;
                match &mut cell.meter {
                    Some(meter) => {
                        let record = MeterRecord::new(&slot.name, meter).map_err(|error| {
                            let text = format!("the metric `{}` cannot be saved", slot.name);
                            Error::new(error.kind(), text).caused_by(error)
                        })?;
                        stateful.push(MeterRecord { epoch, ..record });
                    }
                    None => {
                        accumulators
                            .push(AccumulatorRecord { epoch, ..AccumulatorRecord::new(&slot.name, &cell.numbers) });
                    }
                }
            }
            let Scope { stage, loader, suffix, cells: _ } = scope;
            recorded.push(ScopeRecord {
                stage: *stage,
                loader: *loader,
                suffix: suffix.clone(),
                accumulators,
                stateful,
            });
        }
        let named = slots.iter().skip(*declared).map(|slot| NamedRecord {
            name: slot.name.clone().into_owned(),
            in_batches: slot.in_batches,
            options: slot.options,
        });
        let best = slots.iter().filter_map(|slot| {
            let (value, epoch) = slot.best?;
            Some((slot.name.clone().into_owned(), Number(value), epoch))
        });
        let nans = not_finite.iter().filter_map(|known| slots.get(known.slot));
        Ok(MetricsRecord {
            named: named.collect(),
            best: best.collect(),
            scopes: recorded,
            values: values(metrics),
            bar: values(bar),
            not_a_number: nans.map(|slot| slot.name.clone().into_owned()).collect(),
        })
    }

    /// Restores a record. Metrics that the program does not log any more are dropped. If a stateful
    /// metric cannot load its state, a warning follows with its next value, and it starts from
    /// there.
    pub(crate) fn restore(&mut self, record: &MetricsRecord) {
        let MetricsRecord { named, best, scopes, values, bar, not_a_number } = record;
        for NamedRecord { name, in_batches, options } in named {
            if self.declared_slot(name).is_none() && self.slot_of_name(name, !in_batches).is_none() {
                let slot = self.name_slot(name.clone(), *in_batches);
                if let Some(slot) = self.slots.get_mut(slot) {
                    slot.set(*options);
                }
            }
        }
        for (name, Number(value), epoch) in best {
            if let Some(slot) = self.slot_named(name).and_then(|slot| self.slots.get_mut(slot)) {
                slot.best = Some((*value, *epoch));
            }
        }
        self.pending.clear();
        self.scopes = scopes
            .iter()
            .map(|record| {
                let ScopeRecord { stage, loader, suffix, accumulators, stateful } = record;
                let mut scope = Scope::new(*stage, *loader);
                scope.suffix.clone_from(suffix);
                let numbers = accumulators.iter().map(|record| (&record.name, record.epoch, record.cell()));
                let meters = stateful.iter().map(|record| (&record.name, record.epoch, record.cell()));
                for (name, epoch, restored) in numbers.chain(meters) {
                    let slot = self.declared_slot(name).or_else(|| self.slot_of_name(name, epoch));
                    // A record of an earlier version does not say whether the value is an epoch's.
                    let slot = slot.or_else(|| self.slot_named(name));
                    if let Some(cell) = slot.and_then(|slot| scope.cell(slot)) {
                        *cell = restored;
                    }
                }
                scope
            })
            .collect();
        self.metrics = metrics(values).of_module_of(&self.metrics);
        self.bar = metrics(bar);
        self.stale = false;
        // `true`: the run that wrote the checkpoint has warned of these.
        let known = |name: &String| {
            Some(NotFinite { slot: self.slot_named(name)?, value: f64::NAN, place: (0, 0), warned: true })
        };
        self.not_finite = not_a_number.iter().filter_map(known).collect();
    }

    fn declared_slot(&self, name: &str) -> Option<usize> {
        self.slots.iter().take(self.declared).position(|slot| slot.name == name)
    }

    fn slot_named(&self, name: &str) -> Option<usize> {
        self.slots.iter().position(|slot| slot.name == name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
