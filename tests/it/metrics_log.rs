//! Stateful metrics in a run: when they are made, updated, computed and reset, and under which
//! names.

use std::sync::{Arc, Mutex};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    MetricKey, Stage, log_dict,
    loggers::MemoryLogger,
    metrics::{Accuracy, Average, ConfusionMatrix, FBeta, Metric, MetricValue, Perplexity, R2Score, Recall},
    prelude::*,
    readback,
    settings::ReadBack,
    testing::{capture, capture_in},
};

use crate::support::{Rows, batches, quiet};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let logits = self.layer.forward(batch.x);
        #[log(maximize, on_step, on_epoch, prog_bar, metric = Accuracy::new())]
        let train_acc = (&logits, &batch.y);
        #[log(metric = Accuracy::new())]
        let train_plain = (&logits, &batch.y);
        cross_entropy(logits, batch.y)
    }
    fn validation_step(&self, batch: Rows) {
        let logits = self.layer.forward(batch.x);
        #[log(maximize, metric = FBeta::f1())]
        let val_f1 = (&logits, &batch.y);
        #[log(maximize)]
        let val_acc = accuracy(&logits, &batch.y);
        #[log(maximize, metric = Accuracy::new())]
        let val_stateful = (&logits, &batch.y);
        #[log(metric = ConfusionMatrix::new().class_names(["a", "b", "c"]))]
        let val_confusion = (&logits, &batch.y);
    }
    fn test_step(&self, batch: Rows) {
        #[log(metric = Recall::new().average(Average::PerClass).class_names(["a", "b", "c"]))]
        let test_recall = (self.layer.forward(batch.x), batch.y);
    }
}

fn loader(sizes: &[usize], seed: u64) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(sizes, seed)).unwrap()
}

fn join(rows: Vec<Rows>) -> Rows {
    let (x, y) = rows.into_iter().map(|rows| (rows.x, rows.y)).unzip();
    Rows { x: Tensor::cat(x, 0), y: Tensor::cat(y, 0) }
}

#[test]
fn the_value_is_that_of_all_batches_together() {
    seed_everything(3);
    let sizes = [16, 16, 5];
    let mut model = Net::new(NetHparams::default());
    let report = quiet(Net::trainer()).build().unwrap().validate(&mut model, loader(&sizes, 2)).unwrap();
    // One update with every row: no mean of batches comes to the same F1.
    let ((), whole) = capture_in(Stage::Validate, || model.validation_step(join(batches(&sizes, 2))));
    assert!((report.get(Net::VAL_F1).unwrap() - whole["val_f1"]).abs() < 1e-12);
    let halves: Vec<f64> = batches(&sizes, 2)
        .into_iter()
        .map(|batch| capture_in(Stage::Validate, || model.validation_step(batch)).1["val_f1"])
        .collect();
    assert!((report["val_f1"] - halves.iter().sum::<f64>() / 3.0).abs() > 1e-4);
    // The weighted mean of batch accuracies is the accuracy.
    assert!((report["val_stateful"] - report["val_acc"]).abs() < 1e-7);
    let matrix = report.metrics.matrix(Net::VAL_CONFUSION).unwrap();
    let right: f64 = (0..3).map(|class| matrix.get(class, class).unwrap()).sum();
    assert_eq!(right / 37.0, report["val_stateful"]);
    assert_eq!(matrix.labels(), ["a", "b", "c"]);
}

#[test]
fn training_has_the_batch_at_each_step_and_all_batches_at_the_end() {
    let run = |when| {
        seed_everything(3);
        let memory = MemoryLogger::new();
        let mut model = Net::new(NetHparams::default());
        let trainer = quiet(Net::trainer()).max_epochs(2).log_every_n_steps(1).logger(memory.clone()).read_back(when);
        let report = trainer.build().unwrap().fit(&mut model, (loader(&[8, 8, 4], 1), loader(&[8], 2))).unwrap();
        (memory, report)
    };
    let (memory, report) = run(ReadBack::Auto);
    let steps = memory.values("train_acc_step");
    assert_eq!(steps.len(), 6);
    let epochs = memory.values("train_acc_epoch");
    let weighted = |steps: &[f64]| (8.0 * steps[0] + 8.0 * steps[1] + 4.0 * steps[2]) / 20.0;
    assert_eq!(epochs.len(), 2, "each epoch starts from nothing");
    for (epoch, steps) in epochs.iter().zip(steps.chunks(3)) {
        assert!((epoch - weighted(steps)).abs() < 1e-12, "{epoch} {steps:?}");
    }
    // Without `on_step` a stateful metric has one value an epoch, in training too.
    assert_eq!(memory.values("train_plain"), epochs);
    assert_eq!(report.metrics.get(Net::TRAIN_ACC.step()), steps.last().copied());
    assert_eq!(report.metrics.get(Net::TRAIN_ACC.epoch()), epochs.last().copied());
    let best = epochs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert_eq!(report.best_score(Net::TRAIN_ACC), Some(best));

    let (deferred, _) = run(ReadBack::Deferred);
    assert_eq!(deferred.records(), memory.records());
}

#[test]
fn nothing_waits_for_the_device_between_log_intervals() {
    struct Waits(Arc<Mutex<Vec<u64>>>);
    impl<M> Callback<M> for Waits {
        fn on_train_batch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
            self.0.lock().unwrap().push(readback::waits());
            Ok(())
        }
    }
    seed_everything(3);
    let waits = Arc::default();
    let mut model = Net::new(NetHparams::default());
    let start = readback::waits();
    quiet(Net::trainer())
        .max_epochs(1)
        .log_every_n_steps(10)
        .limit_val_batches(0)
        .callback(Waits(Arc::clone(&waits)))
        .read_back(ReadBack::Deferred)
        .build()
        .unwrap()
        .fit(&mut model, loader(&[8; 25], 1))
        .unwrap();
    let seen: Vec<u64> = waits.lock().unwrap().iter().map(|waits| waits - start).collect();
    // One read for the value of the tenth step, one for that of the twentieth.
    let expected: Vec<u64> = (1..=25).map(|batch| (batch - 1) / 10).collect();
    assert_eq!(seen, expected);
    // And at the end of the epoch the two states.
    assert!(readback::waits() - start <= 2 + 4, "{}", readback::waits() - start);
}

#[test]
fn several_loaders_have_a_metric_each() {
    seed_everything(3);
    let mut model = Net::new(NetHparams::default());
    let mut trainer = quiet(Net::trainer()).build().unwrap();
    let one = trainer.validate(&mut model, loader(&[9], 4)).unwrap()["val_f1"];
    let two = trainer.validate(&mut model, loader(&[7], 5)).unwrap()["val_f1"];
    let report = trainer.validate(&mut model, vec![loader(&[9], 4), loader(&[7], 5)]).unwrap();
    assert_eq!(report.get(Net::VAL_F1.loader(0)), Some(one));
    assert_eq!(report.get(Net::VAL_F1.loader(1)), Some(two));
    assert_eq!(report.get(Net::VAL_F1), None, "which of the two is not said");
    let report = trainer.validate(&mut model, [("clean", loader(&[9], 4)), ("noisy", loader(&[7], 5))]).unwrap();
    assert_eq!(report["val_f1/clean"], one);
    assert_eq!(report.get(Net::VAL_F1.loader("noisy")), Some(two));
    assert_eq!(report.get(Net::VAL_F1.loader(1)), Some(two), "named loaders are known by number too");
    assert!(report.metrics.matrix(Net::VAL_CONFUSION.loader("noisy")).is_some());
    let report = trainer.test(&mut model, vec![loader(&[9], 4), loader(&[7], 5)]).unwrap();
    let names: Vec<_> = report.metrics.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(
        names,
        ["a", "b", "c"]
            .map(|class| format!("test_recall_{class}/dataloader_idx_0"))
            .into_iter()
            .chain(["a", "b", "c"].map(|class| format!("test_recall_{class}/dataloader_idx_1")))
            .collect::<Vec<_>>()
    );
}

#[lightning_module]
struct Steps {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Steps {
    fn validation_step(&self, batch: Rows, batch_idx: usize) {
        #[log(on_step, on_epoch)]
        let both = batch_idx as f64;
        #[log(on_step, on_epoch = false)]
        let step = batch_idx as f64 * 10.0;
        #[log(on_step, on_epoch, metric = Accuracy::new())]
        let acc = (self.layer.forward(batch.x), batch.y);
        #[log]
        let epoch = 1.0;
    }
}

#[test]
fn on_step_in_validation_logs_every_batch() {
    for when in [ReadBack::Auto, ReadBack::Deferred] {
        let memory = MemoryLogger::new();
        let mut model = Steps::new(StepsHparams::default());
        let mut trainer = quiet(Steps::trainer()).logger(memory.clone()).read_back(when).build().unwrap();
        trainer.validate(&mut model, vec![loader(&[4, 4], 1), loader(&[4], 2)]).unwrap();
        let records = memory.records();
        let steps: Vec<_> = records
            .iter()
            .filter_map(|record| {
                Some((record.position.batch?, record.metrics.first()?.0.clone(), record.metrics.len()))
            })
            .collect();
        let name = |loader: usize| format!("both_step/dataloader_idx_{loader}");
        assert_eq!(steps, [(0, name(0), 3), (1, name(0), 3), (0, name(1), 3)]);
        assert_eq!(memory.values("step/dataloader_idx_0"), [0.0, 10.0]);
        assert_eq!(memory.values("both_epoch/dataloader_idx_0"), [0.5]);
        let accuracies = memory.values("acc_step/dataloader_idx_0");
        assert_eq!(memory.values("acc_epoch/dataloader_idx_0"), [(accuracies[0] + accuracies[1]) / 2.0]);
    }
}

#[test]
fn a_table_goes_to_the_loggers_as_a_text() {
    seed_everything(3);
    let memory = MemoryLogger::new();
    let mut model = Net::new(NetHparams::default());
    quiet(Net::trainer()).logger(memory.clone()).build().unwrap().validate(&mut model, loader(&[9], 4)).unwrap();
    let texts = memory.texts();
    let [(name, text, position)] = texts.as_slice() else { panic!("{texts:?}") };
    assert_eq!((name.as_str(), position.stage, position.batch), ("val_confusion", Stage::Validate, None));
    assert_eq!(text.lines().count(), 4);
    assert!(memory.records().iter().all(|record| record.value("val_confusion").is_none()));
}

#[test]
fn a_metric_can_be_monitored() {
    seed_everything(3);
    let folder = tempfile::tempdir().unwrap();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = quiet(Net::trainer())
        .enable_checkpointing(true)
        .max_epochs(4)
        .callback(EarlyStopping::new(Net::VAL_F1).patience(10))
        .callback(ModelCheckpoint::new(Net::VAL_F1).dirpath(folder.path()))
        .build()
        .unwrap();
    let report = trainer.fit(&mut model, (loader(&[8, 8], 1), loader(&[8, 7], 2))).unwrap();
    let best = report.best_score(Net::VAL_F1).unwrap();
    trainer.load_best(&mut model).unwrap();
    let tested = trainer.validate(&mut model, loader(&[8, 7], 2)).unwrap();
    assert_eq!(tested.get(Net::VAL_F1), Some(best));
}

#[test]
fn a_loader_and_a_name_of_run_time_can_be_monitored() {
    let fit = |stopping: EarlyStopping<Named>| {
        seed_everything(3);
        let mut model = Named::new(NamedHparams::default());
        let trainer = quiet(Named::trainer()).max_epochs(5).callback(stopping.patience(2));
        let loaders = [("clean", loader(&[4], 2)), ("noisy", loader(&[4], 3))];
        trainer.build().unwrap().fit(&mut model, (loader(&[4], 1), loaders)).unwrap().current_epoch
    };
    // Loader 1 stands still, and so does what training logs by name.
    assert_eq!(fit(EarlyStopping::new(Named::SCORE.loader("clean"))), 5);
    assert_eq!(fit(EarlyStopping::new(Named::SCORE.loader("noisy"))), 3);
    assert_eq!(fit(EarlyStopping::new(Named::SCORE.loader(1))), 3);
    assert_eq!(fit(EarlyStopping::new(MetricKey::named("still").minimize())), 3);
    assert_eq!(fit(EarlyStopping::new(MetricKey::named("moving").maximize())), 5);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Named {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state]
    epoch: f64,
}

#[lightning_module]
impl Named {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        log("still", &1.0);
        log_dict([("moving", self.epoch)]);
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn validation_step(&self, _batch: Rows, dataloader_idx: usize) {
        #[log(minimize)]
        let score = if dataloader_idx == 0 { -self.epoch } else { 0.0 };
    }
    fn on_train_epoch_start(&mut self) {
        self.epoch += 1.0;
    }
}

/// Counts how often it is made.
#[derive(Clone, Debug)]
struct Made(u64);

static MADE: Mutex<u64> = Mutex::new(0);

impl Made {
    fn new() -> Self {
        *MADE.lock().unwrap() += 1;
        Self(0)
    }
}

impl Metric for Made {
    type Input = f64;

    fn accumulate(&mut self, input: &f64) -> Result<()> {
        self.0 += *input as u64;
        Ok(())
    }
    fn compute(&mut self) -> Result<MetricValue> {
        Ok(MetricValue::Scalar(self.0 as f64))
    }
    fn reset(&mut self) {
        self.0 = 0;
    }
    fn merge(&mut self, other: &Self) -> Result<()> {
        self.0 += other.0;
        Ok(())
    }
    fn state(&mut self) -> Result<serde_json::Value> {
        Ok(self.0.into())
    }
    fn load_state(&mut self, _state: &serde_json::Value, _device: &Device) -> Result<()> {
        Ok(())
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Counting {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Counting {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(metric = Made::new())]
        let made = 1.0;
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn validation_step(&self, _batch: Rows) {
        #[log(metric = Made::new())]
        let val_made = 2.0;
    }
}

#[test]
fn a_metric_is_made_once_a_run() {
    let run = || {
        let before = *MADE.lock().unwrap();
        let mut model = Counting::new(CountingHparams::default());
        let trainer = quiet(Counting::trainer()).max_epochs(3);
        let data = (loader(&[4; 5], 1), vec![loader(&[4; 2], 2), loader(&[4; 3], 3)]);
        let report = trainer.build().unwrap().fit(&mut model, data).unwrap();
        assert_eq!(report.metrics.get(Counting::MADE), Some(5.0));
        assert_eq!(report.metrics.get(Counting::VAL_MADE.loader(1)), Some(6.0));
        *MADE.lock().unwrap() - before
    };
    // One for each of the two; the loaders and epochs have copies.
    assert_eq!((run(), run()), (2, 2));
    // Outside of a run none is needed.
    let before = *MADE.lock().unwrap();
    let model = Counting::new(CountingHparams::default());
    let _ = model.training_step(batches(&[4], 1).remove(0));
    assert_eq!(*MADE.lock().unwrap(), before);
    let (_, logged) = capture(|| model.training_step(batches(&[4], 1).remove(0)));
    assert_eq!(logged["made"], 1.0);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Outer {
    #[init(Counting::new_on(CountingHparams::default(), device))]
    inner: Counting,
}

#[lightning_module]
impl Outer {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        self.inner.training_step(batch)
    }
}

#[test]
fn an_inner_module_has_metrics_of_its_own() {
    let mut model = Outer::new(OuterHparams::default());
    let report = quiet(Outer::trainer()).max_epochs(2).build().unwrap().fit(&mut model, loader(&[4; 3], 1)).unwrap();
    assert_eq!(report.metrics["Counting.made"], 3.0);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Wrong {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    mistake: &'static str,
}

#[lightning_module]
impl Wrong {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let logits = self.layer.forward(batch.x);
        if self.mistake == "rows" {
            #[log(metric = Accuracy::new())]
            let rows = (logits.clone().narrow(0, 0, 1), &batch.y);
        }
        if self.mistake == "classes" {
            #[log(metric = Recall::new())]
            let classes = (&logits, batch.y.clone() + 1);
        }
        if self.mistake == "labels" {
            #[log(metric = Recall::new())]
            let labels = (&batch.y, &batch.y);
        }
        if self.mistake == "nothing" {
            #[log(minimize, metric = R2Score::new())]
            let r2 = (logits.clone().slice([0..1, 0..1]), logits.clone().slice([0..1, 0..1]));
        }
        if self.mistake == "nan" {
            #[log(metric = Perplexity::new().ignore_index(7))]
            let nan = (&logits, batch.y.full_like(7));
        }
        cross_entropy(logits, batch.y)
    }
}

fn wrong(mistake: &'static str) -> Result<lightning_core::FitReport<Wrong>> {
    let mut model = Wrong::new(WrongHparams::default());
    model.mistake = mistake;
    quiet(Wrong::trainer()).max_epochs(1).build()?.fit(&mut model, loader(&[4], 1))
}

#[test]
fn what_does_not_fit_is_an_error_with_the_metrics_name() {
    for (mistake, expected) in [
        ("rows", ["`rows`", "1 predictions and 4 targets"]),
        ("classes", ["`classes`", "classes from 0 to 2"]),
        ("labels", ["`labels`", "num_classes"]),
        ("nothing", ["`r2`", "at least 2 samples, found 1"]),
    ] {
        let error = wrong(mistake).unwrap_err();
        let text = error.to_string();
        assert!(expected.iter().all(|part| text.contains(part)), "{mistake}: {text}");
    }
    let report = wrong("nan").unwrap();
    assert!(report.metrics["nan"].is_nan());
    assert!(report.warnings.iter().any(|warning| warning.contains("`nan` is NaN")), "{:?}", report.warnings);
}
