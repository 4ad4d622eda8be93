//! A store on its way into a checkpoint and back: by names, so that a program that logs more or less than it did still reads it.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use super::{Accumulator, MetricStore, Scope, Slot};
use crate::{
    error::Result,
    metrics::{Metrics, Reduce},
    stage::Stage,
    state::{number, to_number},
};

/// A number that JSON may not have.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        number(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        to_number(&value).map(Self).ok_or_else(|| D::Error::custom(format!("expected a number, found {value}")))
    }
}

/// Everything logged in a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct MetricsRecord {
    /// The metrics with names of run time.
    named: Vec<NamedRecord>,
    best: Vec<(String, Number, u64)>,
    scopes: Vec<ScopeRecord>,
    values: Vec<(String, Number)>,
    bar: Vec<(String, Number)>,
    /// Metrics that have been NaN.
    not_a_number: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct NamedRecord {
    name: String,
    on_step: bool,
    on_epoch: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ScopeRecord {
    stage: Stage,
    loader: usize,
    suffix: String,
    accumulators: Vec<AccumulatorRecord>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct AccumulatorRecord {
    name: String,
    weighted: Number,
    weight: Number,
    sum: Number,
    min: Number,
    max: Number,
    count: u64,
    last: Number,
    fresh: bool,
}

impl AccumulatorRecord {
    fn new(name: &str, accumulator: &Accumulator) -> Self {
        let Accumulator { weighted, weight, sum, min, max, count, last, fresh } = *accumulator;
        Self {
            name: name.to_owned(),
            weighted: Number(weighted),
            weight: Number(weight),
            sum: Number(sum),
            min: Number(min),
            max: Number(max),
            count,
            last: Number(last),
            fresh,
        }
    }

    fn accumulator(&self) -> Accumulator {
        let Self { name: _, weighted, weight, sum, min, max, count, last, fresh } = self;
        Accumulator {
            weighted: weighted.0,
            weight: weight.0,
            sum: sum.0,
            min: min.0,
            max: max.0,
            count: *count,
            last: last.0,
            fresh: *fresh,
        }
    }
}

fn values(metrics: &Metrics) -> Vec<(String, Number)> {
    metrics.iter().map(|(name, value)| (name.to_owned(), Number(value))).collect()
}

fn metrics(values: &[(String, Number)]) -> Metrics {
    let mut metrics = Metrics::default();
    for (name, Number(value)) in values {
        metrics.set(name, *value);
    }
    metrics
}

impl MetricStore {
    /// What a resumed run needs of it.
    ///
    /// # Errors
    /// When the device fails while waiting handles are read.
    pub(crate) fn record(&mut self) -> Result<MetricsRecord> {
        self.refresh()?;
        self.write_step_values();
        let slots = &self.slots;
        let scopes = self.scopes.iter().map(|scope| ScopeRecord {
            stage: scope.stage,
            loader: scope.loader,
            suffix: scope.suffix.clone(),
            accumulators: slots
                .iter()
                .zip(&scope.accumulators)
                .filter(|(_, accumulator)| accumulator.count > 0)
                .map(|(slot, accumulator)| AccumulatorRecord::new(&slot.name, accumulator))
                .collect(),
        });
        let named = slots.iter().skip(self.declared).map(|slot| NamedRecord {
            name: slot.name.clone().into_owned(),
            on_step: slot.on_step,
            on_epoch: slot.on_epoch,
        });
        let best = slots.iter().filter_map(|slot| {
            let (value, epoch) = slot.best?;
            Some((slot.name.clone().into_owned(), Number(value), epoch))
        });
        let nans = self.not_a_number.iter().filter_map(|(slot, _)| slots.get(*slot));
        Ok(MetricsRecord {
            named: named.collect(),
            best: best.collect(),
            scopes: scopes.collect(),
            values: values(&self.metrics),
            bar: values(&self.bar),
            not_a_number: nans.map(|slot| slot.name.clone().into_owned()).collect(),
        })
    }

    /// Goes on where a record ends. Metrics that the program has no more are left out.
    pub(crate) fn restore(&mut self, record: &MetricsRecord) {
        let MetricsRecord { named, best, scopes, values, bar, not_a_number } = record;
        for NamedRecord { name, on_step, on_epoch } in named {
            if self.slot_named(name).is_none() {
                self.named.insert(name.clone(), self.slots.len());
                self.slots.push(Slot {
                    name: Cow::Owned(name.clone()),
                    direction: None,
                    prog_bar: false,
                    on_step: *on_step,
                    on_epoch: *on_epoch,
                    logger: true,
                    reduce: Reduce::Mean,
                    best: None,
                });
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
            .map(|scope| {
                let mut accumulators = Vec::new();
                for record in &scope.accumulators {
                    let Some(slot) = self.slot_named(&record.name) else { continue };
                    if accumulators.len() <= slot {
                        accumulators.resize(slot + 1, Accumulator::default());
                    }
                    if let Some(accumulator) = accumulators.get_mut(slot) {
                        *accumulator = record.accumulator();
                    }
                }
                Scope { stage: scope.stage, loader: scope.loader, suffix: scope.suffix.clone(), accumulators }
            })
            .collect();
        self.metrics = metrics(values);
        self.bar = metrics(bar);
        self.stale = false;
        self.not_a_number = not_a_number.iter().filter_map(|name| Some((self.slot_named(name)?, true))).collect();
    }

    fn slot_named(&self, name: &str) -> Option<usize> {
        self.slots.iter().position(|slot| slot.name == name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{
        context::{Entry, Logged, Target},
        metrics::{MetricDef, StageSet},
    };

    const DEFS: &[MetricDef] = &[
        MetricDef::new("loss", StageSet::TRAIN).minimize().on_step().on_epoch(),
        MetricDef::new("val", StageSet::VAL).maximize().on_epoch().prog_bar(),
    ];

    fn log(store: &mut MetricStore, stage: Stage, slot: u32, value: f64) {
        let scope = store.reopen(stage, 0, "");
        let entry = |target| Entry { target, value: Logged::Value(value), weight: None };
        let mut entries = vec![entry(Target::Slot(slot)), entry(Target::Named("extra".to_owned()))];
        store.absorb(scope, &mut entries, Some(3)).unwrap();
    }

    #[test]
    fn a_restored_store_goes_on_as_the_first_one() {
        let mut first = MetricStore::new(DEFS);
        log(&mut first, Stage::Validate, 1, f64::INFINITY);
        first.end_epoch(Stage::Validate, 0).unwrap();
        for value in [0.1, f64::NAN, 0.3] {
            log(&mut first, Stage::Fit, 0, value);
        }
        first.take_not_a_number();
        let text = serde_json::to_string(&first.record().unwrap()).unwrap();
        let mut second = MetricStore::new(DEFS);
        second.restore(&serde_json::from_str(&text).unwrap());
        assert_eq!(serde_json::to_string(&second.record().unwrap()).unwrap(), text);
        for store in [&mut first, &mut second] {
            log(store, Stage::Fit, 0, 0.7);
        }
        assert!(second.take_not_a_number().is_empty(), "it has been told");
        let end = |store: &mut MetricStore| {
            let values = store.end_epoch(Stage::Fit, 0).unwrap();
            let values: Vec<_> = values.into_iter().map(|value| (value.name, value.value.to_bits())).collect();
            (values, store.metrics().unwrap().to_string(), format!("{:?}", store.best()))
        };
        assert_eq!(end(&mut first), end(&mut second));
    }

    #[test]
    fn metrics_that_are_gone_are_left_out() {
        let mut first = MetricStore::new(DEFS);
        log(&mut first, Stage::Fit, 0, 0.1);
        let record = first.record().unwrap();
        let mut second = MetricStore::new(&[]);
        second.restore(&record);
        assert!(second.end_epoch(Stage::Fit, 0).unwrap().is_empty());
    }
}
