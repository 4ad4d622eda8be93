//! What is logged rarely, at the ends of epochs and in epochs that are shorter than the interval of
//! the log, and what hooks see of it.

use std::sync::{Arc, Mutex};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    callbacks::{CallbackInfo, CallbackOrder},
    log_with,
    loggers::{MemoryLogger, Record},
    metrics::{Accuracy, LogOptions, MetricKey, Reduce},
    optim::Interval,
    prelude::*,
    settings::ReadBack,
    trainer::{StopReason, TrainerBuilder},
};

use crate::support::{Net, NetHparams, Rows, batches, quiet};

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![4; count], 1)).unwrap()
}

/// Step or epoch, epoch number and value of each record with this name.
fn rows(records: &[Record], name: &str) -> Vec<(Option<u64>, u64, f64)> {
    let row = |record: &Record| Some((record.position.batch, record.position.epoch, record.value(name)?));
    records.iter().filter_map(row).collect()
}

fn log_name(name: &str, value: f64) {
    log(name, &value);
}

/// Logs under names of run time in every hook of training that may log.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Everywhere {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Everywhere {
    fn on_train_start(&mut self) {
        log_name("m_train_start", 1.0);
    }
    fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
        log_name("m_epoch_start", 10.0 + cx.current_epoch() as f64);
    }
    fn training_step(&self, batch: Rows, batch_idx: usize) -> Tensor<1> {
        log_name("both", batch_idx as f64);
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
        log_name("m_epoch_end", 20.0 + cx.current_epoch() as f64);
        log_name("both", 100.0 + cx.current_epoch() as f64);
    }
    fn validation_step(&self, _batch: Rows) {
        log_name("both", 7.0);
    }
}

/// The same in a callback, and at the end of the epoch in one that monitors.
struct Also(CallbackOrder);

impl<M> Callback<M> for Also {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new().order(self.0)
    }
    fn on_train_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        cx.log(&format!("c_train_start_{:?}", self.0), &1.0);
        Ok(())
    }
    fn on_train_epoch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        cx.log(&format!("c_epoch_start_{:?}", self.0), &(30.0 + cx.current_epoch() as f64));
        Ok(())
    }
    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        cx.log(&format!("c_epoch_end_{:?}", self.0), &(40.0 + cx.current_epoch() as f64));
        Ok(())
    }
}

#[test]
fn what_epoch_hooks_log_reaches_the_loggers_once_an_epoch() {
    for when in [ReadBack::Auto, ReadBack::Deferred] {
        let memory = MemoryLogger::new();
        let mut model = Everywhere::new(EverywhereHparams::default());
        let mut trainer = quiet(Everywhere::trainer())
            .max_epochs(2)
            .log_every_n_steps(2)
            .logger(memory.clone())
            .callback(Also(CallbackOrder::Normal))
            .callback(Also(CallbackOrder::Monitor))
            .read_back(when)
            .build()
            .unwrap();
        let report = trainer.fit(&mut model, (loader(2), loader(1))).unwrap();
        let records = memory.records();
        for name in ["m_train_start", "c_train_start_Normal", "c_train_start_Monitor"] {
            assert_eq!(rows(&records, name), [(None, 0, 1.0)], "{name}");
        }
        for (name, first) in [
            ("m_epoch_start", 10.0),
            ("m_epoch_end", 20.0),
            ("c_epoch_start_Normal", 30.0),
            ("c_epoch_start_Monitor", 30.0),
            ("c_epoch_end_Normal", 40.0),
            ("c_epoch_end_Monitor", 40.0),
        ] {
            assert_eq!(rows(&records, name), [(None, 0, first), (None, 1, first + 1.0)], "{name}");
            assert_eq!(report.metrics[name], first + 1.0);
        }
        // One name in a training step, a validation step and a hook of an epoch: a step value, and
        // an epoch value of each stage, as in PyTorch Lightning.
        let mut both = rows(&records, "both");
        both.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let expected = [(None, 0, 7.0), (None, 0, 100.0), (None, 1, 7.0), (None, 1, 101.0)];
        assert_eq!(both, [&expected[..], &[(Some(1), 0, 1.0), (Some(1), 1, 1.0)]].concat());
    }
}

#[test]
fn one_name_in_steps_and_epochs_survives_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("middle.ckpt");
    let run = |trainer: TrainerBuilder<Everywhere>| {
        let mut model = Everywhere::new(EverywhereHparams::default());
        let report = trainer.max_epochs(2).build().unwrap().fit(&mut model, (loader(3), loader(1))).unwrap();
        report.metrics.to_string()
    };
    let save = crate::support::SaveAfterBatch { batch: 4, path: path.clone() };
    let whole = run(quiet(Everywhere::trainer()).callback(save));
    assert_eq!(run(quiet(Everywhere::trainer()).resume_from(path.as_path())), whole);
}

/// Logs under names of run time with options.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct WithOptions {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[hparam(default = false)]
    contradicts: bool,
}

#[lightning_module]
impl WithOptions {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
        let step = cx.batch_step() as f64;
        let options = LogOptions::new();
        log_with("summed", &step, options.on_step(false).reduce(Reduce::Sum));
        log_with("both", &step, options.on_epoch(true).prog_bar(true));
        log_with("largest", &step, options.on_step(false).reduce(Reduce::Max));
        log_with("hidden", &step, options.logger(false));
        if self.contradicts && cx.batch_step() == 2 {
            log("summed", &step);
        }
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn validation_step(&self, _batch: Rows, batch_idx: usize) {
        log_with("val", &batch_idx, LogOptions::new().on_step(true));
    }
}

#[test]
fn names_of_run_time_have_options() {
    let memory = MemoryLogger::new();
    let trainer = || quiet(WithOptions::trainer()).max_epochs(2).log_every_n_steps(1).logger(memory.clone());
    let mut model = WithOptions::new(WithOptionsHparams::default());
    let report = trainer().build().unwrap().fit(&mut model, (loader(3), loader(2))).unwrap();
    let records = memory.records();
    // Batches 0, 1, 2 and 3, 4, 5.
    assert_eq!(rows(&records, "summed"), [(None, 0, 3.0), (None, 1, 12.0)]);
    assert_eq!(rows(&records, "both_epoch"), [(None, 0, 1.0), (None, 1, 4.0)]);
    assert_eq!(rows(&records, "largest"), [(None, 0, 2.0), (None, 1, 5.0)]);
    let steps: Vec<f64> = rows(&records, "both_step").iter().map(|(_, _, value)| *value).collect();
    assert_eq!(steps, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(rows(&records, "hidden"), []);
    assert_eq!(report.metrics["hidden"], 5.0);
    // In validation the epoch is logged with the steps, as in PyTorch Lightning.
    assert_eq!(rows(&records, "val_epoch"), [(None, 0, 0.5), (None, 1, 0.5)]);
    assert_eq!(rows(&records, "val_step").len(), 4);
}

#[test]
fn options_of_a_name_survive_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("middle.ckpt");
    let run = |trainer: TrainerBuilder<WithOptions>| {
        let mut model = WithOptions::new(WithOptionsHparams::default());
        let report = trainer.max_epochs(2).build().unwrap().fit(&mut model, (loader(3), loader(2))).unwrap();
        report.metrics.to_string()
    };
    let save = crate::support::SaveAfterBatch { batch: 4, path: path.clone() };
    let whole = run(quiet(WithOptions::trainer()).callback(save));
    assert!(whole.contains("summed"), "{whole}");
    assert_eq!(run(quiet(WithOptions::trainer()).resume_from(path.as_path())), whole);
}

#[test]
fn options_of_a_name_that_contradict_are_refused() {
    let mut model = WithOptions::new(WithOptionsHparams::default().with_contradicts(true));
    let result = quiet(WithOptions::trainer()).max_epochs(1).build().unwrap().fit(&mut model, (loader(3), loader(1)));
    let error = result.unwrap_err().to_string();
    assert!(error.contains("the metric `summed` must be logged with the same options"), "{error}");
    assert!(error.contains("batch 2") && error.contains("LogOptions"), "{error}");
}

/// An episode ends in every seventh batch, and now and then one is logged twice over an epoch.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Episodes {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Episodes {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
        let step = cx.batch_step();
        if step % 7 == 3 {
            #[log]
            let episode = step as f64;
            log_name("named", step as f64);
            #[log(on_step, on_epoch)]
            let both = step as f64;
        }
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
}

#[test]
fn rare_values_are_logged_in_the_next_row() {
    for when in [ReadBack::Auto, ReadBack::Deferred] {
        let memory = MemoryLogger::new();
        let mut model = Episodes::new(EpisodesHparams::default());
        let trainer = quiet(Episodes::trainer()).max_epochs(2).log_every_n_steps(10).logger(memory.clone());
        trainer.read_back(when).build().unwrap().fit(&mut model, loader(25)).unwrap();
        // Logged in the batches 3, 10, 17, 24, 31, 38 and 45, counted from 0; rows after 10, 20,
        // 30, 40 and 50 steps: the last value before each.
        let expected = [(9, 3.0), (19, 17.0), (29, 24.0), (39, 38.0), (49, 45.0)];
        let at = |name: &str| -> Vec<(u64, f64)> {
            let all = memory.records();
            let steps = all.iter().filter(|record| record.position.batch.is_some());
            steps.filter_map(|record| Some((record.position.global_step - 1, record.value(name)?))).collect()
        };
        for name in ["episode", "named", "both_step"] {
            assert_eq!(at(name), expected, "{name}");
        }
        // The means of the epochs are those of all values: 3, 10, 17, 24 and 31, 38, 45.
        let all = memory.records();
        let epochs: Vec<f64> = rows(&all, "both_epoch").into_iter().map(|(_, _, value)| value).collect();
        assert_eq!(epochs, [13.5, 38.0]);
    }
}

#[test]
fn a_rare_value_is_in_the_log_of_a_resumed_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("middle.ckpt");
    let run = |trainer: TrainerBuilder<Episodes>| {
        let memory = MemoryLogger::new();
        let mut model = Episodes::new(EpisodesHparams::default());
        let trainer = trainer.max_epochs(2).log_every_n_steps(10).logger(memory.clone());
        trainer.build().unwrap().fit(&mut model, loader(25)).unwrap();
        let records: Vec<_> = memory.records().into_iter().filter(|record| record.position.batch_step > 25).collect();
        records.into_iter().map(|record| (record.position.global_step, record.metrics)).collect::<Vec<_>>()
    };
    // After batch 24, whose value waits for the row after 30 steps: before and after the end of the
    // epoch.
    let save = crate::support::SaveAfterBatch { batch: 25, path: path.clone() };
    let whole = run(quiet(Episodes::trainer()).callback(save));
    assert_eq!(run(quiet(Episodes::trainer()).resume_from(path.as_path())), whole);
    assert_eq!(whole[0].1, [("episode".to_owned(), 24.0), ("both_step".to_owned(), 24.0), ("named".to_owned(), 24.0)]);
}

/// Global steps of the rows with the training loss, and the warnings.
fn short(trainer: TrainerBuilder<Net>, count: usize) -> (Vec<u64>, Vec<String>) {
    let memory = MemoryLogger::new();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = trainer.limit_val_batches(0).logger(memory.clone()).build().unwrap();
    let report = trainer.fit(&mut model, loader(count)).unwrap();
    let records = memory.records();
    let steps = records.iter().filter(|record| record.value("train_loss").is_some());
    (steps.map(|record| record.position.global_step).collect(), report.warnings)
}

#[test]
fn the_last_step_of_a_short_epoch_is_logged() {
    let (steps, warnings) = short(Net::quiet().max_epochs(2), 4);
    assert_eq!(steps, [4, 8]);
    assert_eq!(
        warnings,
        [
            "`log_every_n_steps(50)` is more than the 4 optimizer steps of an epoch, so that step values are logged less than \
          once an epoch; write `log_every_n_steps(4)` or less"
        ]
    );
    // Optimizer steps are counted, not batches.
    let (steps, warnings) = short(Net::quiet().max_epochs(1).accumulate_grad_batches(2).log_every_n_steps(4), 6);
    assert_eq!(steps, [3]);
    assert!(warnings[0].contains("the 3 optimizer steps"), "{warnings:?}");
    // A run that ends within its first epoch.
    let (steps, warnings) = short(Net::quiet().max_steps(3), 60);
    assert_eq!((steps, warnings), (vec![3], Vec::<String>::new()));
    // The interval is reached: nothing else is logged, as in the row G6.
    assert_eq!(short(Net::quiet().max_steps(10).log_every_n_steps(5), 3).0, [5, 10]);
    assert_eq!(short(Net::quiet().max_epochs(2).log_every_n_steps(4), 5), (vec![4, 8], Vec::new()));
    // Without loggers there is nothing to say.
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_epochs(1).limit_val_batches(0).build().unwrap();
    assert!(trainer.fit(&mut model, loader(2)).unwrap().warnings.is_empty());
}

/// What hooks see at the ends of epochs.
type Seen = Arc<Mutex<Vec<(&'static str, Option<f64>)>>>;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Looking {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    seen: Seen,
}

impl Looking {
    fn look(&self, hook: &'static str, cx: &mut HookContext, name: &str) {
        let value = cx.metrics().unwrap().value(name);
        self.seen.lock().unwrap().push((hook, value));
    }
}

#[lightning_module]
impl Looking {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
        #[log(on_epoch)]
        let mean = (cx.current_epoch() * 10) as f64 + cx.batch_idx() as f64;
        #[log(on_step, on_epoch)]
        let both = (cx.current_epoch() * 10) as f64 + cx.batch_idx() as f64;
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
        self.look("train", cx, "mean");
        self.look("train both", cx, "both");
        log_name("late", 5.0);
    }
    fn validation_step(&self, _batch: Rows, cx: &StepContext) {
        #[log(maximize)]
        let val_mean = (cx.current_epoch() * 10) as f64 + cx.batch_idx() as f64;
        #[log(metric = Accuracy::new())]
        let val_acc = (
            Tensor::<1, Int>::from_data([0, 1], &Device::default()),
            Tensor::<1, Int>::from_data([0, 1 - cx.current_epoch() as i32], &Device::default()),
        );
    }
    fn on_validation_epoch_end(&mut self, cx: &mut HookContext) {
        self.look("val", cx, "val_mean");
        self.look("val acc", cx, "val_acc");
    }
    fn test_step(&self, _batch: Rows, batch_idx: usize) {
        #[log]
        let test_mean = batch_idx as f64;
    }
    fn on_test_epoch_end(&mut self, cx: &mut HookContext) {
        self.look("test", cx, "test_mean");
    }
}

struct Watching(Seen);

impl<M> Callback<M> for Watching {
    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        cx.log("early", &1.0);
        let value = cx.metrics()?.value("mean");
        self.0.lock().unwrap().push(("C.train", value));
        Ok(())
    }
    fn on_validation_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let value = cx.metrics()?.value("val_mean");
        self.0.lock().unwrap().push(("C.val", value));
        Ok(())
    }
    fn on_test_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let value = cx.metrics()?.value("test_mean");
        self.0.lock().unwrap().push(("C.test", value));
        Ok(())
    }
}

#[test]
fn hooks_at_the_end_of_an_epoch_see_its_values() {
    for when in [ReadBack::Auto, ReadBack::Deferred] {
        let seen = Seen::default();
        let mut model = Looking::new(LookingHparams::default());
        model.seen = seen.clone();
        let mut trainer = quiet(Looking::trainer())
            .max_epochs(2)
            .num_sanity_val_steps(0)
            .callback(Watching(seen.clone()))
            .read_back(when)
            .build()
            .unwrap();
        let report = trainer.fit(&mut model, (loader(3), loader(2))).unwrap();
        let mut expected = Vec::new();
        for epoch in 0..2 {
            let mean = |value: f64| Some(f64::from(epoch * 10) + value);
            let accuracy = Some(if epoch == 0 { 1.0 } else { 0.5 });
            expected.extend([("C.val", mean(0.5)), ("val", mean(0.5)), ("val acc", accuracy)]);
            expected.extend([("C.train", mean(1.0)), ("train", mean(1.0)), ("train both", mean(1.0))]);
        }
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), expected);
        assert_eq!((report.metrics["mean"], report.metrics["val_acc"]), (11.0, 0.5));
        assert_eq!((report.metrics["late"], report.metrics["early"]), (5.0, 1.0));
        trainer.test(&mut model, loader(4)).unwrap();
        assert_eq!(*seen.lock().unwrap(), [("C.test", Some(1.5)), ("test", Some(1.5))]);
    }
}

/// Reads a metric in each hook that has a monitored learning rate.
struct Rates(Seen);

impl<M> Callback<M> for Rates {
    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let value = cx.metrics()?.value("lr-Sgd");
        self.0.lock().unwrap().push(("lr", value));
        Ok(())
    }
}

#[test]
fn learning_rates_can_be_monitored() {
    for interval in [None, Some(Interval::Epoch), Some(Interval::Step)] {
        let seen = Seen::default();
        let monitor = match interval {
            None => LearningRateMonitor::new(),
            Some(interval) => LearningRateMonitor::new().interval(interval),
        };
        let rate = MetricKey::named("lr-Sgd").minimize();
        let mut model = Net::new(NetHparams::default());
        let mut trainer = Net::quiet()
            .max_epochs(9)
            .limit_val_batches(0)
            .logger(MemoryLogger::new())
            .callback(monitor)
            .callback(EarlyStopping::new(rate).patience(2))
            .callback(Rates(seen.clone()))
            .build()
            .unwrap();
        let report = trainer.fit(&mut model, loader(2)).unwrap();
        // The rate never falls: the first epoch is the best, and two more are waited for.
        assert!(matches!(report.stop_reason, StopReason::EarlyStopped(_)), "{interval:?}: {report}");
        assert_eq!(report.current_epoch, 3, "{interval:?}");
        assert_eq!(*seen.lock().unwrap(), [("lr", Some(0.1)); 3]);
        assert_eq!(report.metrics["lr-Sgd"], 0.1);
    }
}
