//! How runs end.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use burn::{
    nn::*,
    optim::{LBFGSConfig, SgdConfig},
    prelude::*,
};
use lightning_core::{
    ErrorKind,
    callbacks::{OnExceptionCheckpoint, Pruning, Timer},
    loggers::MemoryLogger,
    prelude::*,
    readback,
    settings::ReadBack,
    trainer::{StopReason, TrainerBuilder},
};

use crate::support::{Net, NetHparams, Rows, batches, quiet};

pub fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![4; count], 1)).unwrap()
}

/// Requests a stop in the second validation, or at the start of an epoch.
#[derive(Clone, Copy)]
enum StopIn {
    SecondValidation,
    EpochStart(u64),
}

impl<M> Callback<M> for StopIn {
    fn on_validation_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        // The step after which the second of four checks runs.
        if matches!(self, Self::SecondValidation) && cx.global_step() >= 6 {
            cx.stop("enough");
        }
        Ok(())
    }
    fn on_train_epoch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if let Self::EpochStart(epoch) = *self
            && cx.current_epoch() == epoch
        {
            cx.stop("enough");
        }
        Ok(())
    }
}

#[test]
fn a_stop_in_a_validation_ends_the_run_there() {
    let run = |trainer: TrainerBuilder<Net>| {
        let mut model = Net::new(NetHparams::default());
        let trainer = trainer.max_epochs(3).val_check_interval(0.3).callback(StopIn::SecondValidation);
        let report = trainer.build().unwrap().fit(&mut model, (loader(10), loader(1))).unwrap();
        (report.global_step, report.validation_runs)
    };
    assert_eq!(run(Net::quiet()), (6, 2));
    // The stop waits for the minimum, and takes effect after the next batch that reaches it.
    assert_eq!(run(Net::quiet().min_steps(8)), (8, 3));
    assert_eq!(run(Net::quiet().min_epochs(1)), (10, 3));
    // Early stopping: no score is better than the first one.
    let mut model = Net::new(NetHparams::default().with_lr(0.0));
    let early = EarlyStopping::new(Net::VAL_LOSS).patience(1);
    let mut trainer = Net::quiet().max_epochs(3).val_check_interval(0.3).callback(early).build().unwrap();
    let report = trainer.fit(&mut model, (loader(10), loader(1))).unwrap();
    assert_eq!((report.global_step, report.validation_runs), (6, 2));
}

#[test]
fn a_run_that_stopped_in_a_validation_resumes_as_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let run = |trainer: TrainerBuilder<Net>, patience: u32| {
        let mut model = Net::new(NetHparams::default().with_lr(0.0));
        let early = EarlyStopping::new(Net::VAL_LOSS).patience(patience);
        let checkpoints = ModelCheckpoint::latest().dirpath(folder.path()).every(callbacks::Steps(3));
        let trainer = trainer.no_logger().max_epochs(1).val_check_interval(0.3).callback(early);
        let mut trainer = trainer.callback(checkpoints).enable_progress_bar(false).enable_model_summary(false);
        trainer = trainer.enable_checkpointing(true);
        trainer.build().unwrap().fit(&mut model, (loader(10), loader(1))).unwrap()
    };
    let first = run(Net::trainer(), 1);
    assert_eq!((first.global_step, first.validation_runs), (6, 2));
    let again = run(Net::trainer().resume_from(Resume::Last), 1);
    assert_eq!((again.global_step, again.validation_runs), (6, 2), "{again}");
    let longer = run(Net::trainer().resume_from(Resume::Last), 9);
    assert_eq!((longer.global_step, longer.validation_runs), (10, 3), "{longer}");
}

#[test]
fn a_stop_at_the_start_of_an_epoch_trains_no_batch() {
    // As PyTorch Lightning, whose epoch loop is done before its first batch.
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet().max_epochs(5).callback(StopIn::EpochStart(1)).build().unwrap();
    let report = trainer.fit(&mut model, (loader(4), loader(1))).unwrap();
    assert_eq!((report.global_step, report.validation_runs), (4, 1));
    assert_eq!(report.stop_reason, StopReason::Requested("enough".to_owned()));
}

#[test]
fn no_time_trains_nothing() {
    let steps = |trainer: TrainerBuilder<Net>| {
        let mut model = Net::new(NetHparams::default());
        let report = trainer.max_epochs(2).build().unwrap().fit(&mut model, (loader(4), loader(1))).unwrap();
        (report.global_step, report.stop_reason)
    };
    assert_eq!(steps(Net::quiet().max_time(Duration::ZERO)), (0, StopReason::TimeLimit));
    assert_eq!(steps(Net::quiet().max_time("00:00:00:00")), (0, StopReason::TimeLimit));
    assert_eq!(steps(Net::quiet().callback(Timer::new(Duration::ZERO))), (0, StopReason::TimeLimit));
    // A minimum takes precedence, as it does over a `Timer`.
    assert_eq!(steps(Net::quiet().max_time(Duration::ZERO).min_steps(3)).0, 3);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Skipping {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    /// The batches without a loss.
    #[state(skip)]
    until: u64,
}

#[lightning_module]
impl Skipping {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Option<Tensor<1>> {
        if cx.batch_step() < self.until {
            return None;
        }
        Some(cross_entropy(self.layer.forward(batch.x), batch.y))
    }
}

#[test]
fn a_run_in_which_nothing_steps_ends() {
    let run = |until: u64, count: usize, trainer: TrainerBuilder<Skipping>| {
        let mut model = Skipping::new(SkippingHparams::default());
        model.until = until;
        quiet(trainer).build().unwrap().fit(&mut model, loader(count))
    };
    let error = run(u64::MAX, 4, Skipping::trainer().max_steps(10)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    let text = error.to_string();
    assert!(text.contains("no optimizer stepped in the 4 batches of epoch 0"), "{text}");
    assert!(text.contains("max_steps(10)") && text.contains("max_epochs"), "{text}");
    // A run that ends anyway says so once.
    let report = run(u64::MAX, 4, Skipping::trainer().max_epochs(3)).unwrap();
    assert_eq!((report.skipped_batches, report.global_step, report.warnings.len()), (12, 0, 1), "{report}");
    assert!(report.warnings[0].contains("no optimizer stepped in the 4 batches of epoch 0"));
    // A warning within the epoch, before it ends.
    let report = run(50, 60, Skipping::trainer().max_steps(10)).unwrap();
    assert_eq!((report.global_step, report.skipped_batches), (10, 50));
    assert!(matches!(report.warnings.as_slice(), [text] if text.contains("`None` for 50 batches in a row")));
    let report = run(49, 60, Skipping::trainer().max_steps(10)).unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

/// Fails in the sanity check or in a later step.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Failing {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    at_step: Option<u64>,
}

#[lightning_module]
impl Failing {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
        assert_ne!(self.at_step, Some(cx.global_step()), "broken");
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn validation_step(&self, batch: Rows) {
        assert!(self.at_step.is_some(), "broken");
        #[log(minimize)]
        let val_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
    }
}

#[test]
fn an_exception_writes_no_checkpoint_that_is_there_or_is_empty() {
    let files = |at_step: Option<u64>, every: u64| {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Failing::new(FailingHparams::default());
        model.at_step = at_step;
        let checkpoint =
            ModelCheckpoint::latest().dirpath(folder.path()).every(callbacks::Steps(every)).save_on_exception(true);
        let trainer = Failing::trainer().no_logger().enable_progress_bar(false).enable_model_summary(false);
        let trainer = trainer.max_epochs(1).callback(checkpoint).callback(OnExceptionCheckpoint::new(folder.path()));
        trainer.build().unwrap().fit(&mut model, (loader(6), loader(1))).unwrap_err();
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert!(files(None, 100).is_empty(), "the sanity check failed");
    assert_eq!(files(Some(0), 100), ["on_exception.ckpt"]);
    assert_eq!(files(Some(4), 100), ["epoch=0-step=4.ckpt", "on_exception.ckpt"]);
    // Step 4 has its checkpoint.
    assert_eq!(files(Some(4), 2), ["epoch=0-step=4.ckpt", "on_exception.ckpt"]);
}

#[test]
fn two_prunings_combine() {
    /// The numbers of pruned weights, of 24, after each epoch.
    struct Count(Arc<Mutex<Vec<usize>>>);
    impl Callback<Net> for Count {
        fn on_train_epoch_start(&mut self, _cx: &mut CallbackContext<'_>, module: &mut Net) -> Result<()> {
            self.0.lock().unwrap().push(module.weight().iter().filter(|weight| **weight == 0.0).count());
            Ok(())
        }
    }
    let run = |first: Pruning, second: Pruning| {
        let counts = Arc::default();
        let mut model = Net::new(NetHparams::default());
        let weights = || params::regex("weight$");
        let trainer = Net::quiet().max_epochs(4).limit_val_batches(0);
        let trainer = trainer.callback(first.parameters(weights())).callback(second.parameters(weights()));
        let mut trainer = trainer.callback(Count(Arc::clone(&counts))).build().unwrap();
        trainer.fit(&mut model, loader(3)).unwrap();
        let mut counts = std::mem::take(&mut *counts.lock().unwrap());
        counts.push(model.weight().iter().filter(|weight| **weight == 0.0).count());
        counts
    };
    // torch's `PruningContainer`: 24 weights, half of them, a quarter of the 12 that are left: 12 +
    // 3; then of 9: 4 (4.5 is rounded to even) and 1 of 5; of 4: 2 and 0 (0.5 is rounded to even)
    // of 2; of 2: 1 and 0 of 1.
    let half = || Pruning::l1_unstructured().amount(0.5);
    let quarter = || Pruning::l1_unstructured().amount(0.25);
    assert_eq!(run(half(), quarter()), [0, 15, 20, 22, 23]);
    let random = Pruning::random_unstructured().amount(0.25);
    assert_eq!(run(half(), random), [0, 15, 20, 22, 23]);
    // In turns: half of 24, then half of the 12 that are left, and so on.
    let even = half().apply_at(|epoch| epoch % 2 == 0);
    assert_eq!(run(even, half().apply_at(|epoch| epoch % 2 == 1)), [0, 12, 18, 21, 23]);
}

/// Running statistics outside of `#[precision(f32)]`, which a 16-bit run refuses.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Normed {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[init(BatchNormConfig::new(3).init(device))]
    norm: BatchNorm,
}

#[lightning_module]
impl Normed {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.norm.forward(self.layer.forward(batch.x)), batch.y)
    }
}

#[test]
fn an_error_of_the_precision_check_gives_the_module_in_evaluation_form() {
    let mut model = Normed::new(NormedHparams::default());
    let mut trainer = quiet(Normed::trainer()).max_epochs(1).precision("bf16-mixed").build().unwrap();
    let error = trainer.fit(&mut model, loader(2)).unwrap_err();
    assert!(error.to_string().contains("running statistics need float32"), "{error}");
    assert!(!model.layer.weight.val().is_autodiff());
}

#[test]
fn barebones_reads_nothing() {
    // Deferred, so that a read is counted also on a host device.
    let start = readback::waits();
    let mut model = Net::new(NetHparams::default());
    let mut trainer =
        Trainer::<Net>::barebones().max_epochs(1).limit_val_batches(0).read_back(ReadBack::Deferred).build().unwrap();
    let report = trainer.fit(&mut model, loader(60)).unwrap();
    assert_eq!(readback::waits() - start, 1, "the last loss, at the end of the epoch");
    assert!(report.metrics.is_empty());
}

/// L-BFGS without a loss in its second step.
#[lightning_module]
#[optimizer(LBFGSConfig::new(), lr = 0.1)]
struct Searching {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    steps: Arc<Mutex<u64>>,
}

#[lightning_module]
impl Searching {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Option<Tensor<1>> {
        if cx.batch_step() == 1 {
            return None;
        }
        Some(cross_entropy(self.layer.forward(batch.x), batch.y))
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) -> Result<()> {
        *self.steps.lock().unwrap() = cx.optimizer_steps(Self::OPTIMIZER)?;
        Ok(())
    }
}

#[test]
fn a_failed_search_counts_no_step() {
    let steps = Arc::default();
    let mut model = Searching::new(SearchingHparams::default());
    model.steps = Arc::clone(&steps);
    let mut trainer = quiet(Searching::trainer()).max_epochs(1).build().unwrap();
    trainer.fit(&mut model, loader(3)).unwrap_err();
    assert_eq!(*steps.lock().unwrap(), 1);
}

#[test]
fn a_logger_gets_a_row_of_a_cut_epoch() {
    let memory = MemoryLogger::new();
    let mut model = Net::new(NetHparams::default());
    let trainer = Net::quiet().max_epochs(2).logger(memory.clone()).limit_val_batches(0);
    trainer.callback(StopIn::EpochStart(0)).build().unwrap().fit(&mut model, loader(3)).unwrap();
    assert!(memory.records().is_empty(), "{:?}", memory.records());
}
