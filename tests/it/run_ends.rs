//! How runs end, what they warn of, and which settings they accept.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use burn::{
    nn::*,
    optim::{AdamConfig, LBFGSConfig, SgdConfig},
    prelude::*,
};
use lightning_core::{
    ErrorKind, FitReport,
    callbacks::{
        EmaWeightAveraging, OnExceptionCheckpoint, Pruning, StochasticWeightAveraging, Timer, WeightAveraging,
    },
    loggers::MemoryLogger,
    prelude::*,
    readback,
    schedulers::ReduceLROnPlateau,
    settings::{ClipAlgorithm, ReadBack},
    trainer::{StopReason, TrainerBuilder},
};

use crate::support::{Net, NetHparams, Rows, batches, quiet};

fn loader(count: usize) -> DataLoader<Rows> {
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
        let checkpoints = ModelCheckpoint::latest().dirpath(folder.path()).every_n_train_steps(3);
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

/// What is wrong with the third batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Break {
    #[default]
    Nothing,
    Loss(f32),
    LoggedLoss(f32),
    /// Infinite only in the forward pass.
    Shift,
    Gradient(f32),
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Breaking {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    at: Break,
}

#[lightning_module]
impl Breaking {
    fn training_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
        let is_third = cx.batch_step() == 2;
        let logits = self.layer.forward(batch.x);
        let loss = cross_entropy(logits.clone(), batch.y);
        if !is_third {
            return loss;
        }
        match self.at {
            Break::Nothing => loss,
            Break::Loss(factor) => loss * factor,
            Break::LoggedLoss(factor) => {
                #[log]
                let broken = loss * factor;
                broken
            }
            Break::Shift => {
                log("shift", &f64::INFINITY);
                loss + f32::INFINITY
            }
            // The root of 0, whose slope is infinite, for one of the weights.
            Break::Gradient(factor) => {
                let weight = self.layer.weight.val().slice([0..1, 0..1]);
                (weight.clone() - weight.detach()).sum().sqrt() * factor
            }
        }
    }
}

impl Breaking {
    fn run(at: Break, trainer: TrainerBuilder<Self>, batches: usize) -> (FitReport<Self>, Vec<f32>) {
        seed_everything(1);
        let mut model = Self::new(BreakingHparams::default());
        model.at = at;
        let report = quiet(trainer).max_epochs(1).build().unwrap().fit(&mut model, loader(batches)).unwrap();
        let weights = model.layer.weight.val().into_data().try_to_vec().unwrap();
        (report, weights)
    }
}

#[test]
fn a_loss_that_is_not_finite_is_named_and_counted() {
    for when in [ReadBack::Auto, ReadBack::Deferred] {
        for every in [1, 2, 50] {
            let trainer = || Breaking::trainer().log_every_n_steps(every).read_back(when);
            let (report, _) = Breaking::run(Break::Nothing, trainer(), 6);
            assert_eq!((report.non_finite_losses, report.warnings.len()), (0, 0));
            // Not logged: the batches 2 to 5 of the epoch.
            let (report, weights) = Breaking::run(Break::Loss(f32::NAN), trainer(), 6);
            assert!(weights.iter().all(|weight| weight.is_nan()));
            assert_eq!(report.non_finite_losses, 4, "{when:?} {every}");
            let [warning] = report.warnings.as_slice() else { panic!("{:?}", report.warnings) };
            assert!(warning.starts_with("the loss is NaN, seen in epoch 0 at batch 2"), "{warning}");
            assert!(report.to_string().contains("losses that are not finite: 4"), "{report}");
            let (report, _) = Breaking::run(Break::Loss(f32::INFINITY), trainer(), 6);
            let [warning] = report.warnings.as_slice() else { panic!("{:?}", report.warnings) };
            assert!(warning.starts_with("the loss is infinite, seen in epoch 0 at batch 2"), "{warning}");
            assert_eq!(report.non_finite_losses, 4);
            // Logged: one warning, for the metric.
            let (report, _) = Breaking::run(Break::LoggedLoss(f32::INFINITY), trainer(), 6);
            assert_eq!(report.warnings, ["`broken` is infinite, seen in epoch 0 at batch 2"]);
            assert_eq!(report.non_finite_losses, 4);
            // A loss that leaves the weights finite is found by what is logged beside it.
            let (report, weights) = Breaking::run(Break::Shift, trainer(), 6);
            assert!(weights.iter().all(|weight| weight.is_finite()));
            assert_eq!(report.warnings, ["`shift` is infinite, seen in epoch 0 at batch 2"]);
            assert_eq!(report.non_finite_losses, 1);
        }
    }
}

#[test]
fn the_losses_are_read_with_the_logged_values() {
    let start = readback::waits();
    let trainer = Breaking::trainer().log_every_n_steps(1).read_back(ReadBack::Deferred);
    Breaking::run(Break::Nothing, trainer, 40);
    // Nothing is logged, so that no step reads; the end of the epoch reads once.
    assert_eq!(readback::waits() - start, 1);
}

#[test]
fn a_norm_that_is_not_finite_skips_the_step() {
    let (clean, _) = Breaking::run(Break::Nothing, Breaking::trainer().gradient_clip_val(1.0), 6);
    assert_eq!((clean.global_step, clean.skipped_steps), (6, 0));
    for (factor, word) in [(1.0, "infinite"), (f32::NAN, "NaN")] {
        let trainer = Breaking::trainer().gradient_clip_val(1.0);
        let (report, weights) = Breaking::run(Break::Gradient(factor), trainer, 6);
        assert!(weights.iter().all(|weight| weight.is_finite()), "{weights:?}");
        assert_eq!((report.global_step, report.skipped_steps), (5, 1), "{report}");
        let warning = &report.warnings[0];
        assert!(warning.contains("norm of the gradients") && warning.contains("at batch 2"), "{warning}");
        assert!(warning.contains(word), "{warning}");
    }
    // A loss that is NaN makes the norm NaN: said, counted and skipped.
    let (report, weights) = Breaking::run(Break::Loss(f32::NAN), Breaking::trainer().gradient_clip_val(1.0), 6);
    assert!(weights.iter().all(|weight| weight.is_finite()));
    assert_eq!((report.global_step, report.skipped_steps, report.non_finite_losses), (5, 1, 1), "{report}");
    // By value an infinite gradient becomes the limit, as in torch.
    let trainer = Breaking::trainer().gradient_clip_val(1.0).gradient_clip_algorithm(ClipAlgorithm::Value);
    let (report, weights) = Breaking::run(Break::Gradient(1.0), trainer, 6);
    assert!(weights.iter().all(|weight| weight.is_finite()));
    assert_eq!((report.global_step, report.skipped_steps, report.warnings.len()), (6, 0, 0));
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
            ModelCheckpoint::latest().dirpath(folder.path()).every_n_train_steps(every).save_on_exception(true);
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

#[test]
fn settings_that_have_nothing_to_do_are_accepted() {
    let mut model = Net::new(NetHparams::default());
    // An interval that does not fit the epoch, without validation.
    for trainer in [
        Net::quiet().val_check_interval(1000),
        Net::quiet().val_check_interval(11).check_val_every_n_epoch(2),
        Net::quiet().val_check_interval(0.001),
    ] {
        let mut trainer = trainer.limit_val_batches(0).max_epochs(1).build().unwrap();
        assert_eq!(trainer.fit(&mut model, (loader(10), loader(1))).unwrap().global_step, 10);
    }
    // With validation it is an error.
    let mut trainer = Net::quiet().val_check_interval(1000).max_epochs(1).build().unwrap();
    assert!(trainer.fit(&mut model, (loader(10), loader(1))).is_err());
    // A module without a validation step.
    let mut plain = Breaking::new(BreakingHparams::default());
    let mut trainer = quiet(Breaking::trainer()).val_check_interval(1000).max_epochs(1).build().unwrap();
    assert_eq!(trainer.fit(&mut plain, loader(3)).unwrap().global_step, 3);
    for trainer in [
        Net::trainer().num_sanity_val_steps(0).barebones(true),
        Net::trainer().num_sanity_val_steps(2).num_sanity_val_steps(0).barebones(true),
        Net::trainer().enable_progress_bar(false).enable_model_summary(false).no_logger().barebones(true),
    ] {
        trainer.build().unwrap();
    }
    Net::trainer().num_sanity_val_steps(2).barebones(true).build().unwrap_err();
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = Cosine::new(0.1, 10).warmup(0), interval = step)]
struct Warm {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    rates: Vec<f64>,
}

#[lightning_module]
impl Warm {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn on_train_batch_start(&mut self, cx: &mut HookContext) {
        self.rates.push(cx.learning_rates()[0].1);
    }
}

#[test]
fn a_warm_up_of_no_steps_is_none() {
    let mut model = Warm::new(WarmHparams::default());
    let mut trainer = quiet(Warm::trainer()).max_epochs(1).build().unwrap();
    trainer.fit(&mut model, loader(4)).unwrap();
    // 0.1 · (1 + cos(π · step / 10)) / 2.
    let expected = [0.1, 0.097_552_825_814_757_68, 0.090_450_849_718_747_37, 0.079_389_262_614_623_65];
    for (rate, expected) in model.rates.iter().zip(expected) {
        assert!((rate - expected).abs() < 1e-12, "{:?}", model.rates);
    }
}

macro_rules! plateaus {
    ($($name:ident, $hparams:ident, $interval:ident, [$($monitor:tt)*];)*) => {
        $(
            #[lightning_module]
            #[optimizer(
                SgdConfig::new(),
                lr = ReduceLROnPlateau::new(0.1).factor(0.5).patience(0),
                interval = $interval,
                monitor = $($monitor)*
            )]
            struct $name {
                #[init(LinearConfig::new(8, 3).init(device))]
                layer: Linear,
                #[state(skip)]
                rates: Vec<f64>,
            }

            #[lightning_module]
            impl $name {
                fn training_step(&self, batch: Rows) -> Tensor<1> {
                    cross_entropy(self.layer.forward(batch.x), batch.y)
                }
                fn validation_step(&self, _batch: Rows) {
                    #[log(minimize)]
                    let val_score = 1.0;
                }
                fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
                    self.rates.push(cx.learning_rates()[0].1);
                }
            }
        )*
    };
}

plateaus! {
    Waiting, WaitingHparams, epoch, [val_score];
    Stepping, SteppingHparams, step, [val_score];
    SecondLoader, SecondLoaderHparams, epoch, [Self::VAL_SCORE.loader(1)];
    NamedLoader, NamedLoaderHparams, epoch, [Self::VAL_SCORE.loader("other")];
}

#[test]
fn a_plateau_waits_for_the_first_validation() {
    // Checks at the ends of the epochs 1, 3 and 5: the first value is the best, each later one
    // halves the rate.
    let mut model = Waiting::new(WaitingHparams::default());
    let mut trainer = quiet(Waiting::trainer()).max_epochs(7).check_val_every_n_epoch(2).build().unwrap();
    let report = trainer.fit(&mut model, (loader(2), loader(1))).unwrap();
    assert_eq!(model.rates, [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025]);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    // At every step: nothing before the first validation.
    let mut model = Stepping::new(SteppingHparams::default());
    let mut trainer = quiet(Stepping::trainer()).max_epochs(3).build().unwrap();
    trainer.fit(&mut model, (loader(2), loader(1))).unwrap();
    assert_eq!(model.rates, [0.1, 0.1, 0.05]);
}

#[test]
fn a_plateau_monitors_one_of_several_loaders() {
    let mut model = Waiting::new(WaitingHparams::default());
    let mut trainer = quiet(Waiting::trainer()).max_epochs(2).build().unwrap();
    let error = trainer.fit(&mut model, (loader(2), [loader(1), loader(1)])).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`val_score` with a value for each validation loader"), "{text}");
    assert!(text.contains("Self::VAL_SCORE.loader(\"dataloader_idx_0\")"), "{text}");
    assert_eq!(trainer.global_step(), 0, "refused before the first batch");

    let mut model = SecondLoader::new(SecondLoaderHparams::default());
    let mut trainer = quiet(SecondLoader::trainer()).max_epochs(3).build().unwrap();
    trainer.fit(&mut model, (loader(2), [loader(1), loader(1)])).unwrap();
    assert_eq!(model.rates, [0.1, 0.1, 0.05]);
    let mut model = SecondLoader::new(SecondLoaderHparams::default());
    let mut trainer = quiet(SecondLoader::trainer()).max_epochs(3).build().unwrap();
    trainer.fit(&mut model, (loader(2), [("one", loader(1)), ("other", loader(1))])).unwrap();
    assert_eq!(model.rates, [0.1, 0.1, 0.05], "a loader with a name has a number too");
    let mut model = NamedLoader::new(NamedLoaderHparams::default());
    let mut trainer = quiet(NamedLoader::trainer()).max_epochs(3).build().unwrap();
    trainer.fit(&mut model, (loader(2), [("one", loader(1)), ("other", loader(1))])).unwrap();
    assert_eq!(model.rates, [0.1, 0.1, 0.05]);
}

#[test]
fn two_callbacks_that_average_are_refused() {
    for trainer in [
        Net::trainer().callback(EmaWeightAveraging::new()).callback(StochasticWeightAveraging::new(0.01)),
        Net::trainer().callback(StochasticWeightAveraging::new(0.01)).callback(WeightAveraging::new()),
        Net::trainer().callback(StochasticWeightAveraging::new(0.1)).callback(StochasticWeightAveraging::new(0.01)),
    ] {
        let text = trainer.build().unwrap_err().to_string();
        assert!(text.contains("at most one callback may average the weights, found 2"), "{text}");
        assert!(text.contains("`StochasticWeightAveraging`"), "{text}");
    }
}

#[test]
fn each_report_has_its_own_warnings() {
    let mut model = Breaking::new(BreakingHparams::default());
    model.at = Break::Nothing;
    let mut net = Net::new(NetHparams::default());
    // A weight that is NaN makes the loss of a validation NaN.
    let mut broken = batches(&[4], 1);
    broken[0].x = broken[0].x.clone() * f32::NAN;
    let mut trainer = Net::quiet().max_epochs(1).build().unwrap();
    let validated = trainer.validate(&mut net, DataLoader::from_batches(broken).unwrap()).unwrap();
    assert_eq!(validated.warnings, ["`val_loss` is NaN, seen in epoch 0 at batch 0"]);
    assert!(validated.to_string().contains("warning: `val_loss` is NaN"), "{validated}");
    let fitted = trainer.fit(&mut net, (loader(2), loader(1))).unwrap();
    assert!(fitted.warnings.is_empty(), "{:?}", fitted.warnings);
}

/// Two optimizers of different numbers of parameters, and a frozen field.
#[lightning_module]
struct Planned {
    #[init(LinearConfig::new(8, 3).init(device))]
    #[optimizer(AdamConfig::new(), lr = 0.25)]
    left: Linear,
    #[init(LinearConfig::new(8, 5).init(device))]
    #[optimizer(SgdConfig::new(), lr = 0.5)]
    right: Linear,
    #[frozen]
    #[init(LinearConfig::new(2, 2).init(device))]
    teacher: Linear,
}

#[lightning_module]
impl Planned {
    #[training_step(optimizer = left)]
    fn left_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.left.forward(batch.x), batch.y)
    }
    #[training_step(optimizer = right)]
    fn right_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.right.forward(batch.x), batch.y)
    }
}

#[test]
fn the_plan_counts_the_parameters_of_each_optimizer() {
    // 8·3 + 3 and 8·5 + 5.
    let mut model = Planned::new(PlannedHparams::default());
    let lines = |model: &Planned| {
        let plan = Trainer::plan(model).unwrap().to_string();
        let lines = plan.lines().filter(|line| line.contains("Config {")).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    let before = lines(&model);
    assert!(before[0].starts_with("  left: Adam") && before[0].ends_with("lr 0.25, 27 parameters"), "{before:?}");
    assert!(before[1].starts_with("  right: Sgd") && before[1].ends_with("lr 0.5, 45 parameters"), "{before:?}");
    // A trained module is in evaluation form.
    quiet(Planned::trainer()).max_epochs(1).build().unwrap().fit(&mut model, loader(1)).unwrap();
    assert_eq!(lines(&model), before);
    let net = Trainer::plan(&Net::new(NetHparams::default())).unwrap().to_string();
    assert!(net.contains("lr 0.1, 27 parameters"), "{net}");
}

#[test]
fn the_report_is_short_and_says_which_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run = |trainer: TrainerBuilder<Net>| {
        let mut model = Net::new(NetHparams::default());
        let trainer = trainer.default_root_dir(folder.path()).no_logger();
        let mut trainer = trainer.enable_progress_bar(false).enable_model_summary(false).build().unwrap();
        trainer.fit(&mut model, (loader(3), loader(1))).unwrap().to_string()
    };
    let text = run(Net::trainer().max_epochs(2));
    assert!(text.starts_with("fit ended after 2 epochs, 6 optimizer steps: `max_epochs` reached\n"), "{text}");
    assert!(text.contains("\n  latest checkpoint: "), "{text}");
    assert!(text.contains("\n  train_loss ") && text.contains("\n  val_loss "), "{text}");
    for line in text.lines().filter(|line| line.contains("_loss ") || line.contains("val_acc ")) {
        let digits = line.chars().filter(char::is_ascii_digit).count();
        assert!(digits <= 7, "six significant digits: {line}");
    }
    let text = run(Net::trainer().max_steps(2));
    assert!(text.starts_with("fit ended after 0 whole epochs, 2 optimizer steps: `max_steps` reached\n"), "{text}");
    let text = run(Net::trainer().max_steps(4));
    assert!(text.starts_with("fit ended after 1 whole epoch, 4 optimizer steps: `max_steps` reached\n"), "{text}");
    let text = run(Net::trainer().max_epochs(1).callback(ModelCheckpoint::new(Net::VAL_LOSS)));
    assert!(text.starts_with("fit ended after 1 epoch, 3 optimizer steps"), "{text}");
    assert!(text.contains("\n  best checkpoint: "), "{text}");
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
    let mut trainer = Net::trainer()
        .barebones(true)
        .max_epochs(1)
        .limit_val_batches(0)
        .read_back(ReadBack::Deferred)
        .build()
        .unwrap();
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
