//! A store on its way into a checkpoint and back: by names, so that a program that logs more or less than it did still reads it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use super::{
    MetricStore, Scope,
    cell::{Accumulator, Cell, Meter},
};
use crate::{
    error::Result,
    metrics::{Matrix, MetricValue, Metrics},
    params::state::{f64_from_json, f64_to_json},
    stage::Stage,
};

/// A number that JSON may not have.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        f64_to_json(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        f64_from_json(&value).map(Self).ok_or_else(|| D::Error::custom(format!("expected a number, found {value}")))
    }
}

/// Everything logged in a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct MetricsRecord {
    /// The metrics with names of run time.
    named: Vec<NamedRecord>,
    best: Vec<(String, Number, u64)>,
    scopes: Vec<ScopeRecord>,
    values: Vec<(String, ValueRecord)>,
    bar: Vec<(String, ValueRecord)>,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stateful: Vec<MeterRecord>,
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

/// A stateful metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct MeterRecord {
    name: String,
    updates: u64,
    /// In the metric's own form.
    state: Value,
    /// What it comes to as it is, for an epoch in which nothing more is logged: the metric itself is made with the next value only.
    value: Option<ValueRecord>,
    last: Option<ValueRecord>,
    fresh: bool,
}

/// A [`MetricValue`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum ValueRecord {
    Scalar(Number),
    Named(Vec<(String, Number)>),
    Matrix(MatrixRecord),
    Matrices(Vec<(String, MatrixRecord)>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct MatrixRecord {
    labels: Vec<String>,
    values: Vec<Number>,
}

impl From<&Matrix> for MatrixRecord {
    fn from(matrix: &Matrix) -> Self {
        Self { labels: matrix.labels().to_vec(), values: matrix.rows().flatten().map(|value| Number(*value)).collect() }
    }
}

impl MatrixRecord {
    /// `None` where the numbers do not fit the labels.
    fn matrix(&self) -> Option<Matrix> {
        Matrix::new(self.labels.clone(), self.values.iter().map(|Number(value)| *value).collect()).ok()
    }
}

impl From<&MetricValue> for ValueRecord {
    fn from(value: &MetricValue) -> Self {
        match value {
            MetricValue::Scalar(value) => Self::Scalar(Number(*value)),
            MetricValue::Named(parts) => {
                Self::Named(parts.iter().map(|(name, value)| (name.clone(), Number(*value))).collect())
            }
            MetricValue::Matrix(matrix) => Self::Matrix(matrix.into()),
            MetricValue::Matrices(matrices) => {
                Self::Matrices(matrices.iter().map(|(name, matrix)| (name.clone(), matrix.into())).collect())
            }
        }
    }
}

impl ValueRecord {
    /// `None` for a table whose numbers do not fit its labels.
    fn value(&self) -> Option<MetricValue> {
        Some(match self {
            Self::Scalar(Number(value)) => MetricValue::Scalar(*value),
            Self::Named(parts) => {
                MetricValue::Named(parts.iter().map(|(name, Number(value))| (name.clone(), *value)).collect())
            }
            Self::Matrix(matrix) => MetricValue::Matrix(matrix.matrix()?),
            Self::Matrices(matrices) => {
                let matrix = |(name, matrix): &(String, MatrixRecord)| Some((name.clone(), matrix.matrix()?));
                MetricValue::Matrices(matrices.iter().map(matrix).collect::<Option<_>>()?)
            }
        })
    }
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

    fn cell(&self) -> Cell {
        let Self { name: _, weighted, weight, sum, min, max, count, last, fresh } = self;
        let numbers = Accumulator {
            weighted: weighted.0,
            weight: weight.0,
            sum: sum.0,
            min: min.0,
            max: max.0,
            count: *count,
            last: last.0,
            fresh: *fresh,
        };
        Cell { numbers, meter: None }
    }
}

impl MeterRecord {
    fn new(name: &str, meter: &mut Meter) -> Result<Self> {
        let (state, value) = match (&meter.stored, &mut meter.epoch) {
            // Nothing has come since the checkpoint that this was resumed from.
            (Some((state, value)), _) => (state.clone(), value.clone()),
            // What has no value yet may have one at the end.
            (None, Some(epoch)) => (epoch.state()?, epoch.compute().ok()),
            (None, None) => (Value::Null, None),
        };
        Ok(Self {
            name: name.to_owned(),
            updates: meter.updates,
            state,
            value: value.as_ref().map(ValueRecord::from),
            last: meter.last.as_ref().map(ValueRecord::from),
            fresh: meter.fresh,
        })
    }

    fn cell(&self) -> Cell {
        let Self { name: _, updates, state, value, last, fresh } = self;
        let known = |value: &Option<ValueRecord>| value.as_ref().and_then(ValueRecord::value);
        let meter = Meter {
            updates: *updates,
            stored: Some((state.clone(), known(value))),
            last: known(last),
            fresh: *fresh,
            ..Meter::default()
        };
        Cell { meter: Some(Box::new(meter)), ..Cell::default() }
    }
}

/// Names and values, in order.
fn values(metrics: &Metrics) -> Vec<(String, ValueRecord)> {
    let scalars = metrics.iter().map(|(name, value)| (name.to_owned(), ValueRecord::Scalar(Number(value))));
    let matrices = metrics
        .matrices()
        .map(|(name, matrix)| (name.to_owned(), ValueRecord::from(&MetricValue::Matrix(matrix.clone()))));
    scalars.chain(matrices).collect()
}

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
    /// What a resumed run needs of it.
    ///
    /// # Errors
    /// When the device fails while waiting handles and the states of metrics are read.
    pub(crate) fn record(&mut self) -> Result<MetricsRecord> {
        self.refresh()?;
        self.write_step_values();
        let Self { slots, scopes, metrics, bar, declared, not_a_number, .. } = self;
        let mut recorded = Vec::with_capacity(scopes.len());
        for scope in scopes {
            let (mut accumulators, mut stateful) = (Vec::new(), Vec::new());
            for (slot, cell) in slots.iter().zip(&mut scope.cells).filter(|(_, cell)| cell.is_filled()) {
                match &mut cell.meter {
                    Some(meter) => stateful.push(MeterRecord::new(&slot.name, meter)?),
                    None => accumulators.push(AccumulatorRecord::new(&slot.name, &cell.numbers)),
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
            on_step: slot.on_step,
            on_epoch: slot.on_epoch,
        });
        let best = slots.iter().filter_map(|slot| {
            let (value, epoch) = slot.best?;
            Some((slot.name.clone().into_owned(), Number(value), epoch))
        });
        let nans = not_a_number.iter().filter_map(|(slot, _)| slots.get(*slot));
        Ok(MetricsRecord {
            named: named.collect(),
            best: best.collect(),
            scopes: recorded,
            values: values(metrics),
            bar: values(bar),
            not_a_number: nans.map(|slot| slot.name.clone().into_owned()).collect(),
        })
    }

    /// Goes on where a record ends. Metrics that the program has no more are left out; what a stateful metric cannot go on from is warned
    /// of when it gets its next value, and measured from there.
    pub(crate) fn restore(&mut self, record: &MetricsRecord) {
        let MetricsRecord { named, best, scopes, values, bar, not_a_number } = record;
        for NamedRecord { name, on_step, on_epoch } in named {
            if self.slot_named(name).is_none() {
                self.name_slot(name.clone(), *on_step, *on_epoch);
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
                let numbers = accumulators.iter().map(|record| (&record.name, record.cell()));
                let meters = stateful.iter().map(|record| (&record.name, record.cell()));
                for (name, restored) in numbers.chain(meters) {
                    if let Some(cell) = self.slot_named(name).and_then(|slot| scope.cell(slot)) {
                        *cell = restored;
                    }
                }
                scope
            })
            .collect();
        self.metrics = metrics(values).of_module_of(&self.metrics);
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
    use burn::tensor::{Device, Int, Tensor};

    use super::*;
    use crate::metrics::{
        Accuracy, ConfusionMatrix, Metric, MetricDef, MetricInput, MetricUpdate, StageSet,
        ambient::{Entry, Logged, Target},
    };

    const DEFS: &[MetricDef] = &[
        MetricDef::new("loss", StageSet::TRAIN).minimize().on_step().on_epoch(),
        MetricDef::new("val", StageSet::VAL).maximize().on_epoch().prog_bar(),
        MetricDef::new("acc", StageSet::TRAIN).maximize().on_step().on_epoch().stateful(),
        MetricDef::new("confusion", StageSet::TRAIN).on_epoch().stateful(),
    ];

    fn log(store: &mut MetricStore, stage: Stage, slot: u32, value: f64) {
        let scope = store.reopen(stage, 0, "");
        let entry = |target| Entry { target, value: Logged::Value(value), weight: None };
        let mut entries = vec![entry(Target::Slot(slot)), entry(Target::Named("extra".to_owned()))];
        store.drain_log(scope, &mut entries, Some(3), true).unwrap();
    }

    fn update<X: Metric>(store: &mut MetricStore, slot: u32, metric: X, labels: [i32; 4]) -> Result<()>
    where
        (Tensor<1, Int>, Tensor<1, Int>): MetricInput<X::Input>,
    {
        let scope = store.reopen(Stage::Fit, 0, "");
        let tensor = |labels: [i32; 4]| Tensor::<1, Int>::from_data(labels, &Device::default());
        let input = (tensor(labels), tensor([0, 1, 1, 0])).to_input().map(|input| Box::new(input) as _);
        let value = Logged::Metric(MetricUpdate { input, template: Some(Box::new(metric)) });
        store.drain_log(scope, &mut vec![Entry { target: Target::Slot(slot), value, weight: None }], Some(4), true)
    }

    fn through_text(store: &mut MetricStore) -> MetricStore {
        let text = serde_json::to_string(&store.record().unwrap()).unwrap();
        let mut restored = MetricStore::new(DEFS);
        restored.restore(&serde_json::from_str(&text).unwrap());
        assert_eq!(serde_json::to_string(&restored.record().unwrap()).unwrap(), text);
        restored
    }

    #[test]
    fn a_restored_store_goes_on_as_the_first_one() {
        let mut first = MetricStore::new(DEFS);
        log(&mut first, Stage::Validate, 1, f64::INFINITY);
        first.end_epoch(Stage::Validate, 0).unwrap();
        for value in [0.1, f64::NAN, 0.3] {
            log(&mut first, Stage::Fit, 0, value);
        }
        update(&mut first, 2, Accuracy::new(), [0, 1, 0, 1]).unwrap();
        update(&mut first, 3, ConfusionMatrix::new().num_classes(2), [0, 1, 0, 1]).unwrap();
        first.take_not_a_number();
        let second = through_text(&mut first);
        // Once with more values, and once with the epoch ending where the checkpoint was.
        for more in [true, false] {
            let end = |store: &mut MetricStore| {
                if more {
                    log(store, Stage::Fit, 0, 0.7);
                    update(store, 2, Accuracy::new(), [0, 1, 1, 0]).unwrap();
                    update(store, 3, ConfusionMatrix::new().num_classes(2), [1, 1, 1, 1]).unwrap();
                }
                let values = store.end_epoch(Stage::Fit, 0).unwrap();
                let values: Vec<_> = values.into_iter().map(|value| (value.name, value.value.to_bits())).collect();
                let tables: Vec<_> = store.metrics().unwrap().matrices().map(|(_, matrix)| matrix.clone()).collect();
                (values, tables, store.metrics().unwrap().to_string(), format!("{:?}", store.best()))
            };
            let (mut whole, mut resumed) = (through_text(&mut first), through_text(&mut first));
            assert_eq!(end(&mut whole), end(&mut resumed));
            assert!(resumed.take_not_a_number().is_empty(), "it has been told");
            let accuracy = resumed.metrics().unwrap().value("acc_epoch");
            assert_eq!(accuracy, Some(if more { 0.75 } else { 0.5 }));
            assert_eq!(resumed.metrics().unwrap().matrices().count(), 1);
        }
        drop(second);
    }

    #[test]
    fn metrics_that_are_gone_are_left_out() {
        let mut first = MetricStore::new(DEFS);
        log(&mut first, Stage::Fit, 0, 0.1);
        update(&mut first, 2, Accuracy::new(), [0, 1, 0, 1]).unwrap();
        let record = first.record().unwrap();
        let mut second = MetricStore::new(&[]);
        second.restore(&record);
        assert!(second.end_epoch(Stage::Fit, 0).unwrap().is_empty());
    }

    #[test]
    fn a_metric_that_cannot_go_on_says_so_and_begins_anew() {
        let mut first = MetricStore::new(DEFS);
        update(&mut first, 2, Accuracy::new(), [0, 1, 0, 1]).unwrap();
        let mut second = through_text(&mut first);
        update(&mut second, 2, ConfusionMatrix::new().num_classes(2), [0, 1, 1, 0]).unwrap();
        let warnings = second.take_warnings();
        assert!(matches!(warnings.as_slice(), [text] if text.contains("`acc`")), "{warnings:?}");
        second.end_epoch(Stage::Fit, 0).unwrap();
        let matrix =
            second.metrics().unwrap().matrices().next().map(|(_, matrix)| matrix.rows().flatten().sum::<f64>());
        assert_eq!(matrix, Some(4.0));
    }
}
