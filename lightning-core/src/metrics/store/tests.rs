use std::collections::BTreeSet;

use burn::tensor::Tensor;

use super::*;
use crate::{
    metrics::{
        LogOptions, StageSet,
        ambient::{Entry, Logged, Target},
    },
    stage::Stage,
};

const TRAIN: StageSet = StageSet::TRAIN;

/// The names of `tests/it/metrics_rows.rs`.
const DEFS: &[MetricDef] = &[
    MetricDef::new("default", TRAIN).on_step(),
    MetricDef::new("l_s", TRAIN).on_step(),
    MetricDef::new("l_e", TRAIN).on_epoch(),
    MetricDef::new("l_se", TRAIN).on_step().on_epoch(),
    MetricDef::new("p_s", TRAIN).prog_bar().no_logger().on_step(),
    MetricDef::new("p_e", TRAIN).prog_bar().no_logger().on_epoch(),
    MetricDef::new("p_se", TRAIN).prog_bar().no_logger().on_step().on_epoch(),
];

fn log_all(store: &mut MetricStore, scope: ScopeId, value: f64) {
    let entry = |slot| Entry { target: Target::Slot(slot), value: Logged::Value(value), weight: None };
    let mut entries: Vec<Entry> = (0..DEFS.len() as u32).map(entry).collect();
    store.drain_log(scope, &mut entries, origin(Some(1)), true, &burn::tensor::Device::default()).unwrap();
}

fn origin(batch_size: Option<usize>) -> Origin {
    Origin { place: (0, 0), batch_size, in_batch: true, is_part: false }
}

fn names(metrics: &Metrics) -> BTreeSet<&str> {
    metrics.iter().map(|(name, _)| name).collect()
}

#[test]
fn g1_what_the_bar_shows() {
    let mut store = MetricStore::new(DEFS);
    let scope = store.open(Stage::Fit, 0, "");
    log_all(&mut store, scope, 1.0);
    assert_eq!(names(store.bar()), BTreeSet::from(["p_s", "p_se_step"]));
    store.end_epoch(Stage::Fit, 0).unwrap();
    assert_eq!(names(store.bar()), BTreeSet::from(["p_e", "p_s", "p_se_step", "p_se_epoch"]));
}

#[test]
fn a_value_that_waited_is_in_the_next_row() {
    let mut store = MetricStore::new(DEFS);
    let scope = store.open(Stage::Fit, 0, "");
    let log = |store: &mut MetricStore, slot| {
        let value = Logged::Tensor(Tensor::from_data([f64::from(slot)], &burn::tensor::Device::default()));
        store.drain_log(
            scope,
            &mut vec![Entry { target: Target::Slot(slot), value, weight: None }],
            origin(None),
            false,
            &burn::tensor::Device::default(),
        )
    };
    log(&mut store, 0).unwrap();
    log(&mut store, 1).unwrap();
    assert!(store.has_step_values(scope));
    assert_eq!(store.take_step_record(scope).unwrap(), [("default".to_owned(), 0.0), ("l_s".to_owned(), 1.0)]);
    assert!(!store.has_step_values(scope));
    assert_eq!(store.metrics().unwrap().value("default"), Some(0.0));
}

#[test]
fn a_loader_with_a_name_has_a_number_too() {
    let mut store = MetricStore::new(DEFS);
    let scope = store.open(Stage::Validate, 1, "/noisy");
    log_all(&mut store, scope, 2.0);
    store.end_epoch(Stage::Validate, 0).unwrap();
    let metrics = store.metrics().unwrap();
    let key = crate::metrics::MetricKey::<()>::named("l_e");
    assert_eq!(metrics.get(key.loader(1)), Some(2.0));
    assert_eq!(metrics.get(key.loader("noisy")), Some(2.0));
    assert_eq!((metrics.get(key), metrics.get(key.loader(0))), (None, None));
}

#[test]
fn a_name_for_each_step_does_not_fill_the_memory() {
    let mut store = MetricStore::new(&[]);
    let scope = store.open(Stage::Fit, 0, "");
    for first in (0..110_000).step_by(1000) {
        let entry = |number: i32| Entry {
            target: Target::Named(format!("sample {number}"), LogOptions::new()),
            value: Logged::Value(1.0),
            weight: None,
        };
        let mut entries: Vec<Entry> = (first..first + 1000).map(entry).collect();
        store.drain_log(scope, &mut entries, origin(Some(1)), true, &burn::tensor::Device::default()).unwrap();
    }
    assert_eq!((store.slots.len(), store.named.len()), (100_000, 100_000));
    let warnings = store.take_warnings();
    assert!(matches!(warnings.as_slice(), [text] if text.contains("`sample 100000`")), "{warnings:?}");
}
