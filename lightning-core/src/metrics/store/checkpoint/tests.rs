use burn::tensor::{Device, Int, Tensor};

use super::*;
use crate::{
    metrics::{
        Accuracy, ConfusionMatrix, LogOptions, Metric, MetricDef, MetricInput, MetricUpdate, Roc, StageSet,
        ambient::{Entry, Logged, Target},
        store::Origin,
    },
    stage::Stage,
};

const DEFS: &[MetricDef] = &[
    MetricDef::new("loss", StageSet::TRAIN).minimize().on_step().on_epoch(),
    MetricDef::new("val", StageSet::VAL).maximize().on_epoch().prog_bar(),
    MetricDef::new("acc", StageSet::TRAIN).maximize().on_step().on_epoch().stateful(),
    MetricDef::new("confusion", StageSet::TRAIN).on_epoch().stateful(),
];

fn origin(batch_size: usize) -> Origin {
    Origin { place: (0, 0), batch_size: Some(batch_size), in_batch: true, is_part: false }
}

fn log(store: &mut MetricStore, stage: Stage, slot: u32, value: f64) {
    let scope = store.reopen(stage, 0, "");
    let entry = |target| Entry { target, value: Logged::Value(value), weight: None };
    let mut entries = vec![entry(Target::Slot(slot)), entry(Target::Named("extra".to_owned(), LogOptions::new()))];
    store.drain_log(scope, &mut entries, origin(3), true, &Device::default()).unwrap();
}

fn update<X: Metric>(store: &mut MetricStore, slot: u32, metric: X, labels: [i32; 4]) -> Result<()>
where
    (Tensor<1, Int>, Tensor<1, Int>): MetricInput<X::Input>,
{
    let scope = store.reopen(Stage::Fit, 0, "");
    let tensor = |labels: [i32; 4]| Tensor::<1, Int>::from_data(labels, &Device::default());
    let input = (tensor(labels), tensor([0, 1, 1, 0])).to_input().map(|input| Box::new(input) as _);
    let value = Logged::Metric(MetricUpdate { input, template: Some(Box::new(metric)) });
    let mut entries = vec![Entry { target: Target::Slot(slot), value, weight: None }];
    store.drain_log(scope, &mut entries, origin(4), true, &Device::default())
}

fn through_text(store: &mut MetricStore) -> MetricStore {
    let text = serde_json::to_string(&store.record().unwrap()).unwrap();
    let mut restored = MetricStore::new(DEFS);
    restored.restore(&serde_json::from_str(&text).unwrap());
    assert_eq!(serde_json::to_string(&restored.record().unwrap()).unwrap(), text);
    restored
}

#[test]
fn a_restored_store_continues_as_the_first_one() {
    let mut first = MetricStore::new(DEFS);
    log(&mut first, Stage::Validate, 1, f64::INFINITY);
    first.end_epoch(Stage::Validate, 0).unwrap();
    for value in [0.1, f64::NAN, 0.3] {
        log(&mut first, Stage::Fit, 0, value);
    }
    update(&mut first, 2, Accuracy::new(), [0, 1, 0, 1]).unwrap();
    update(&mut first, 3, ConfusionMatrix::new().num_classes(2), [0, 1, 0, 1]).unwrap();
    first.take_not_finite();
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
        assert!(resumed.take_not_finite().is_empty(), "the warning was given before");
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
fn a_metric_that_cannot_load_its_state_warns_and_starts_again() {
    let mut first = MetricStore::new(DEFS);
    update(&mut first, 2, Accuracy::new(), [0, 1, 0, 1]).unwrap();
    let mut second = through_text(&mut first);
    update(&mut second, 2, ConfusionMatrix::new().num_classes(2), [0, 1, 1, 0]).unwrap();
    let warnings = second.take_warnings();
    assert!(matches!(warnings.as_slice(), [text] if text.contains("`acc`")), "{warnings:?}");
    second.end_epoch(Stage::Fit, 0).unwrap();
    let matrix = second.metrics().unwrap().matrices().next().map(|(_, matrix)| matrix.rows().flatten().sum::<f64>());
    assert_eq!(matrix, Some(4.0));
}

#[test]
fn curves_come_back_from_json() {
    let device = Device::default();
    let mut roc = Roc::new();
    let scores = Tensor::<2>::from_data([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], &device);
    roc.update((scores, Tensor::<1, Int>::from_data([0, 1, 0], &device))).unwrap();
    let value = roc.compute().unwrap();
    let text = serde_json::to_string(&ValueRecord::from(&value)).unwrap();
    let read: ValueRecord = serde_json::from_str(&text).unwrap();
    assert_eq!(read.value(), Some(value));
    assert!(text.contains("\"inf\""), "{text}");
}
