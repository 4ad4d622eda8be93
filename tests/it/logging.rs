//! What is logged, where it goes and when it is read.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    Stage, log_dict,
    loggers::MemoryLogger,
    prelude::*,
    readback,
    settings::ReadBack,
    testing::{capture, capture_in},
};

use crate::support::{Net, NetHparams, Rows, batches, quiet};

#[test]
fn epoch_means_are_weighted_by_batch_size() {
    seed_everything(1);
    let val = batches(&[32, 32, 3], 2);
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().build().unwrap();
    let report = trainer.validate(&mut model, DataLoader::from_batches(val.clone()).unwrap()).unwrap();

    // All rows as one batch: the mean over samples.
    let all = Rows {
        x: Tensor::cat(val.iter().map(|batch| batch.x.clone()).collect(), 0),
        y: Tensor::cat(val.iter().map(|batch| batch.y.clone()).collect(), 0),
    };
    let ((), whole) = capture_in(Stage::Validate, || model.validation_step(all));
    assert!((report["val_loss"] - whole["val_loss"]).abs() < 1e-6, "{} {}", report["val_loss"], whole["val_loss"]);
    assert!((report["val_acc"] - whole["val_acc"]).abs() < 1e-6);

    // The mean of batch means is another number: the test would see it.
    let means: Vec<f64> = val
        .into_iter()
        .map(|batch| capture_in(Stage::Validate, || model.validation_step(batch)).1["val_loss"])
        .collect();
    let unweighted = means.iter().sum::<f64>() / 3.0;
    assert!((report["val_loss"] - unweighted).abs() > 1e-4);
}

#[test]
fn deferred_values_are_the_same_numbers() {
    let run = |when| {
        seed_everything(1);
        let memory = MemoryLogger::new();
        let mut model = Net::new(NetHparams::default());
        let mut trainer = quiet(Net::trainer())
            .max_epochs(2)
            .log_every_n_steps(3)
            .logger(memory.clone())
            .read_back(when)
            .build()
            .unwrap();
        let loader = || DataLoader::from_batches(batches(&[16, 16, 16, 5], 2)).unwrap();
        trainer.fit(&mut model, (loader(), loader())).unwrap();
        memory.records()
    };
    let (now, later) = (run(ReadBack::Auto), run(ReadBack::Deferred));
    assert_eq!(now, later);
    let steps: Vec<_> =
        now.iter().filter_map(|record| record.position.batch.map(|batch| (record.position.epoch, batch))).collect();
    assert_eq!(steps, [(0, 2), (1, 1)], "every third batch of the run");
    assert!(now.iter().any(|record| record.value("val_acc").is_some() && record.position.stage == Stage::Validate));
}

#[test]
fn nothing_is_read_between_log_intervals() {
    struct Waits {
        seen: Vec<(u64, u64)>,
        out: std::sync::Arc<std::sync::Mutex<Vec<(u64, u64)>>>,
    }
    impl<M> Callback<M> for Waits {
        fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
            // The interval's own refresh comes after this hook: it is seen at the start of the next
            // batch.
            self.seen.push((cx.batch_step(), readback::waits()));
            Ok(())
        }
        fn on_fit_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
            *self.out.lock().unwrap() = self.seen.clone();
            Ok(())
        }
    }
    seed_everything(1);
    let folder = tempfile::tempdir().unwrap();
    let out = std::sync::Arc::default();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::trainer()
        .max_epochs(1)
        .log_every_n_steps(10)
        .enable_model_summary(false)
        .enable_checkpointing(false)
        .logger(CsvLogger::new(folder.path()))
        .callback(EarlyStopping::new(Net::VAL_LOSS))
        .callback(Waits { seen: Vec::new(), out: std::sync::Arc::clone(&out) })
        .read_back(ReadBack::Deferred)
        .num_sanity_val_steps(0)
        .build()
        .unwrap();
    let loader = |count: usize| DataLoader::from_batches(batches(&vec![8; count], 2)).unwrap();
    let start = readback::waits();
    trainer.fit(&mut model, (loader(35), loader(5))).unwrap();
    let seen = out.lock().unwrap().clone();
    let waits: Vec<u64> = seen.iter().map(|(_, waits)| waits - start).collect();
    // 35 batches: one read after each of batches 10, 20 and 30, and none in between.
    let expected: Vec<u64> = (1..=35).map(|batch| (batch - 1) / 10).collect();
    assert_eq!(waits, expected);
}

#[test]
fn capture_shows_what_a_step_logs() {
    seed_everything(1);
    let model = Net::new(NetHparams::default());
    let batch = batches(&[4], 1).remove(0);
    let (loss, logged) = capture(|| model.training_step(batch.clone()));
    assert_eq!(logged["train_loss"], f64::from(loss.into_scalar::<f32>()));
    assert_eq!(logged.len(), 1);
    // Outside a run a step is an ordinary function.
    let _ = model.training_step(batch);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.0)]
struct Forms {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Forms {
    fn shared(&self, batch: Rows) -> Tensor<1> {
        #[log(per_stage, minimize)]
        let loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        loss
    }
    fn training_step(&self, batch: Rows, batch_idx: usize) -> Tensor<1> {
        #[log(on_step, on_epoch)]
        let both = batch_idx as f64;
        #[log(on_epoch, reduce = max)]
        let largest = batch_idx as f64;
        #[log(on_epoch, reduce = sum)]
        let total = batch_idx as f64;
        #[log(on_epoch, reduce = min, logger = false)]
        let hidden = batch_idx as f64;
        #[log(on_epoch, name = "my/name")]
        let renamed = 1.5f32;
        #[log(on_epoch, batch_size = if batch_idx == 0 { 3.0 } else { 1.0 })]
        let weighted = if batch_idx == 0 { 1.0 } else { 5.0 };
        #[log(on_epoch)]
        let (first, second) = (1i32, 2usize);
        if batch_idx == 1 {
            #[log(on_epoch)]
            let sometimes = 7.0;
        }
        log("run_time", &(batch_idx as f64));
        self.shared(batch)
    }
    fn validation_step(&self, batch: Rows) {
        let _ = self.shared(batch);
        log_dict([("from_dict", 2.0), ("from_dict_too", 3.0)]);
    }
}

#[test]
fn every_option_does_what_it_says() {
    seed_everything(1);
    let memory = MemoryLogger::new();
    let mut model = Forms::new(FormsHparams::default());
    let mut trainer =
        quiet(Forms::trainer()).max_epochs(1).log_every_n_steps(1).logger(memory.clone()).build().unwrap();
    let loader = || DataLoader::from_batches(batches(&[8; 3], 2)).unwrap();
    let report = trainer.fit(&mut model, (loader(), loader())).unwrap();
    let metrics = &report.metrics;
    assert_eq!(metrics.get(Forms::BOTH.epoch()), Some(1.0));
    assert_eq!(metrics.get(Forms::BOTH.step()), Some(2.0));
    assert_eq!(metrics.get(Forms::LARGEST), Some(2.0));
    assert_eq!(metrics.get(Forms::HIDDEN), Some(0.0));
    assert_eq!(metrics.get(Forms::RENAMED), Some(1.5));
    assert_eq!(metrics["my/name"], 1.5);
    assert_eq!(metrics.get(Forms::WEIGHTED), Some((3.0 + 5.0 + 5.0) / 5.0));
    assert_eq!((metrics.get(Forms::FIRST), metrics.get(Forms::SECOND)), (Some(1.0), Some(2.0)));
    assert_eq!(metrics.get(Forms::SOMETIMES), Some(7.0));
    assert_eq!(metrics["run_time"], 2.0);
    assert_eq!((metrics["from_dict"], metrics["from_dict_too"]), (2.0, 3.0));
    assert!(metrics.get(Forms::TRAIN_LOSS).is_some() && metrics.get(Forms::VAL_LOSS).is_some());
    assert!(metrics.get(Forms::TEST_LOSS).is_none());
    // The sum of 0, 1 and 2; a weight has no say in a sum.
    assert_eq!(metrics.get(Forms::TOTAL), Some(3.0));

    let records = memory.records();
    assert!(records.iter().all(|record| record.value("hidden").is_none()), "kept from the loggers");
    let steps: Vec<_> = records.iter().filter_map(|record| record.value("both_step")).collect();
    assert_eq!(steps, [0.0, 1.0, 2.0]);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Outer {
    #[init(Net::new_on(NetHparams::default(), device))]
    inner: Net,
}

#[lightning_module]
impl Outer {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.inner.training_step(batch) * 2.0;
        train_loss
    }
}

#[test]
fn an_inner_module_logs_under_its_own_name() {
    seed_everything(1);
    let mut model = Outer::new(OuterHparams::default());
    let mut trainer = quiet(Outer::trainer()).max_epochs(1).build().unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 2], 2)).unwrap()).unwrap();
    let (outer, inner) = (report.metrics["train_loss"], report.metrics["Net.train_loss"]);
    assert!((outer - 2.0 * inner).abs() < 1e-6, "{outer} {inner}");
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Twice {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Twice {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        log("train_loss", &0.5);
        train_loss
    }
}

#[test]
fn a_run_time_name_must_not_be_a_declared_one() {
    let mut model = Twice::new(TwiceHparams::default());
    let mut trainer = quiet(Twice::trainer()).max_epochs(1).build().unwrap();
    let error = trainer.fit(&mut model, DataLoader::from_batches(batches(&[8], 2)).unwrap()).unwrap_err();
    assert!(error.to_string().contains("`#[log]` metric"), "{error}");
}
