//! Rows A, L and S of PyTorch Lightning's behaviour: accumulation, schedules, the length of a run.

use std::sync::{Arc, Mutex};

use burn::{
    nn::*,
    optim::{LBFGSConfig, SgdConfig},
    prelude::*,
};
use lightning_core::{
    callbacks::GradientAccumulationScheduler,
    hooks::Hook,
    prelude::*,
    schedulers::{ReduceLROnPlateau, StepDecay},
    trainer::{StopReason, TrainerBuilder},
};

use crate::support::{Ledger, Net, NetHparams, Rows, batches, quiet};

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![1; count], 1)).unwrap()
}

/// Counts calls, and notes in which batch the optimizer stepped.
#[derive(Clone, Default)]
struct Calls {
    backward: Arc<Mutex<u64>>,
    zero_grad: Arc<Mutex<u64>>,
    stepped_at: Arc<Mutex<Vec<usize>>>,
}

impl<M> Callback<M> for Calls {
    fn on_after_backward(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        *self.backward.lock().unwrap() += 1;
        Ok(())
    }
    fn on_before_zero_grad(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        *self.zero_grad.lock().unwrap() += 1;
        Ok(())
    }
    fn on_before_optimizer_step(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.stepped_at.lock().unwrap().push(cx.batch_idx());
        Ok(())
    }
}

fn fit(trainer: TrainerBuilder<Net>, count: usize) -> (lightning_core::FitReport<Net>, Calls) {
    seed_everything(1);
    let calls = Calls::default();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = trainer.limit_val_batches(0).callback(calls.clone()).build().unwrap();
    (trainer.fit(&mut model, loader(count)).unwrap(), calls)
}

/// Writes down what PyTorch Lightning's test of the order in a batch writes down.
struct Order(Ledger);

impl<M> Callback<M> for Order {
    fn on_train_batch_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.add("batch");
        Ok(())
    }
    fn on_before_zero_grad(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.add("zero_grad");
        Ok(())
    }
    fn on_before_backward(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.add("backward");
        Ok(())
    }
    fn on_before_optimizer_step(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.add("step");
        Ok(())
    }
}

#[test]
fn a1_order_in_a_batch() {
    let ledger = Ledger::default();
    fit(Net::quiet().max_epochs(1).callback(Order(ledger.clone())), 5);
    // There the optimizer's step encloses the training step, which is its closure, and so comes
    // first; here it is the last of the four.
    assert_eq!(ledger.take(), ["batch", "zero_grad", "backward", "step"].repeat(5));
}

#[test]
fn a3_gradients_are_dropped_once_a_window() {
    for (window, drops) in [(1, 20), (2, 10), (3, 7)] {
        let (_, calls) = fit(Net::quiet().max_epochs(1).accumulate_grad_batches(window), 20);
        assert_eq!(*calls.zero_grad.lock().unwrap(), drops, "windows of {window}");
    }
}

#[test]
fn a6_backward_calls() {
    let backward = |trainer: TrainerBuilder<Net>| *fit(trainer, 6).1.backward.lock().unwrap();
    assert_eq!(backward(Net::quiet().max_epochs(1).accumulate_grad_batches(2)), 6);
    assert_eq!(backward(Net::quiet().max_steps(6).accumulate_grad_batches(2)), 12);
}

/// A search that is at its end when it begins: no gradient points anywhere.
#[lightning_module]
#[optimizer(LBFGSConfig::new(), lr = 0.1)]
struct Flat {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Flat {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        self.layer.forward(batch.x).mean() * 0.0
    }
}

#[test]
fn a6_a_search_has_no_backward_call_too_many() {
    let calls = Calls::default();
    let mut model = Flat::new(FlatHparams::default());
    let mut trainer = quiet(Flat::trainer()).max_steps(5).callback(calls.clone()).build().unwrap();
    let report = trainer.fit(&mut model, loader(64)).unwrap();
    assert_eq!((report.global_step, *calls.backward.lock().unwrap()), (5, 5));
    // There a window's later evaluations see its last batch alone, with the sum of all gradients so
    // far; here it is an error.
    let mut trainer = quiet(Flat::trainer()).max_steps(5).accumulate_grad_batches(2).build().unwrap();
    let error = trainer.fit(&mut model, loader(64)).unwrap_err().to_string();
    assert!(error.contains("`optimizer` is L-BFGS") && error.contains("larger batches"), "{error}");
}

#[test]
fn a5_schedules_of_windows_that_cannot_be() {
    // Epochs and numbers are `u64`: negative ones and text do not compile.
    for (schedule, what) in [
        (vec![(0, 0)], "found 0 from epoch 0"),
        (vec![(1, 2), (4, 0)], "found 0 from epoch 4"),
        (vec![(1, 2), (1, 3)], "found epoch 1 twice"),
        (vec![], "the schedule must not be empty"),
    ] {
        let trainer = Net::quiet().callback(GradientAccumulationScheduler::new(schedule));
        let error = trainer.build().unwrap_err().to_string();
        assert!(error.contains("`GradientAccumulationScheduler`") && error.contains(what), "{error}");
    }
    let error = Net::quiet().accumulate_grad_batches(0).build().unwrap_err().to_string();
    assert!(error.contains("`accumulate_grad_batches` must be at least 1, found 0"), "{error}");
}

#[test]
fn a7_windows_in_a_dev_run() {
    let (report, calls) = fit(Net::quiet().fast_dev_run(4).accumulate_grad_batches(2), 64);
    assert_eq!(*calls.stepped_at.lock().unwrap(), [1, 3]);
    assert_eq!((report.batch_step, report.global_step), (4, 2));
}

#[test]
fn a9_max_steps_are_optimizer_steps() {
    let trainer = Net::quiet().max_steps(42).limit_train_batches(0.5).accumulate_grad_batches(10);
    let (report, _) = fit(trainer, 64);
    assert_eq!((report.global_step, report.stop_reason), (42, StopReason::MaxSteps));
    // Four windows in an epoch of 32 batches, the last one of two.
    assert_eq!((report.current_epoch, report.batch_step), (11, 10 * 32 + 20));
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = StepDecay::new(0.1, 1).gamma(0.1), interval = epoch)]
struct Stepped {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    rates: Ledger,
}

#[lightning_module]
impl Stepped {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn validation_step(&self, batch: Rows) {
        drop(batch);
    }
    fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
        self.rates.add(format!("{:.0e}", cx.learning_rates()[0].1));
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
        self.rates.add(format!("{:.0e} after", cx.learning_rates()[0].1));
    }
}

#[test]
fn l1_an_epoch_schedule_counts_every_epoch() {
    for every in [1, 2] {
        let mut model = Stepped::new(SteppedHparams::default());
        let rates = model.rates.clone();
        let mut trainer = quiet(Stepped::trainer()).max_epochs(4).check_val_every_n_epoch(every).build().unwrap();
        trainer.fit(&mut model, (loader(2), loader(1))).unwrap();
        // torch counts five steps: four, and one in the constructor.
        let expected = ["1e-1", "1e-2 after", "1e-2", "1e-3 after", "1e-3", "1e-4 after", "1e-4", "1e-5 after"];
        assert_eq!(rates.take(), expected, "validation in every {every}. epoch");
    }
}

fn impatient() -> ReduceLROnPlateau {
    ReduceLROnPlateau::new(0.1).patience(0)
}

macro_rules! watching_giraffe {
    ($name:ident, strict = $strict:literal) => {
        #[lightning_module]
        #[optimizer(SgdConfig::new(), lr = impatient(), interval = epoch, monitor = giraffe, strict = $strict)]
        struct $name {
            #[init(LinearConfig::new(8, 3).init(device))]
            layer: Linear,
            #[state(skip)]
            rate: Option<f64>,
        }

        #[lightning_module]
        impl $name {
            fn training_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
                // A name that nothing logs does not compile (C8); this one is logged where the run
                // never comes.
                if cx.current_epoch() > 99 {
                    #[log(minimize, on_epoch)]
                    let giraffe = 1.0;
                }
                cross_entropy(self.layer.forward(batch.x), batch.y)
            }
            fn on_train_end(&mut self, cx: &mut HookContext) {
                self.rate = cx.learning_rates().first().map(|(_, rate)| *rate);
            }
        }
    };
}

watching_giraffe!(Strict, strict = true);
watching_giraffe!(Lenient, strict = false);

#[test]
fn l4_a_plateau_that_watches_nothing() {
    let mut model = Strict::new(StrictHparams::default());
    let mut trainer = quiet(Strict::trainer()).max_epochs(2).build().unwrap();
    let error = trainer.fit(&mut model, loader(2)).unwrap_err();
    assert!(error.to_string().contains("`giraffe`"), "{error}");

    let mut model = Lenient::new(LenientHparams::default());
    let mut trainer = quiet(Lenient::trainer()).max_epochs(2).build().unwrap();
    let report = trainer.fit(&mut model, loader(2)).unwrap();
    assert_eq!(
        report.warnings.iter().filter(|warning| warning.contains("giraffe")).count(),
        1,
        "{:?}",
        report.warnings
    );
    assert_eq!(model.rate, Some(0.1));

    // A run that ends inside the epoch never asks.
    let mut model = Strict::new(StrictHparams::default());
    quiet(Strict::trainer()).max_steps(1).build().unwrap().fit(&mut model, loader(2)).unwrap();
}

#[test]
fn s1_runs_that_are_over_before_they_begin() {
    let ran = |trainer: TrainerBuilder<Net>| {
        let (report, _) = fit(trainer, 2);
        (report.batch_step, report.stop_reason)
    };
    assert_eq!(ran(Net::quiet().max_epochs(5)), (10, StopReason::MaxEpochs));
    assert_eq!(ran(Net::quiet().max_steps(10)), (10, StopReason::MaxSteps));
    assert_eq!(ran(Net::quiet().max_steps(0)), (0, StopReason::MaxSteps));
    assert_eq!(ran(Net::quiet().max_epochs(0)), (0, StopReason::MaxEpochs));
    assert_eq!(ran(Net::quiet().max_epochs(5).max_steps(0)), (0, StopReason::MaxSteps));
    // Without a limit PyTorch Lightning stops after 1000 epochs, and so does this trainer.
    assert_eq!(ran(Net::quiet()), (2000, StopReason::MaxEpochs));
}

#[test]
fn s3_a_second_fit_has_nothing_to_do() {
    for (trainer, steps) in [(Net::quiet().max_steps(10).max_epochs(5), 10), (Net::quiet().max_steps(20), 20)] {
        let mut model = Net::new(NetHparams::default());
        let mut trainer = trainer.limit_val_batches(0).build().unwrap();
        for _ in 0..2 {
            assert_eq!(trainer.fit(&mut model, loader(20)).unwrap().global_step, steps);
        }
    }
}

/// Asks for a stop at a batch of the run.
struct StopAt(u64);

impl<M> Callback<M> for StopAt {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.batch_step() >= self.0 {
            cx.stop("enough");
        }
        Ok(())
    }
}

#[test]
fn s4_a_stop_waits_for_the_minimum() {
    // PyTorch Lightning's rows set counters that no run can have; these are runs of ten batches an
    // epoch with the same answers.
    for (min_epochs, min_steps, ask, stops) in [
        (0, 0, 4, 4),
        (0, 0, 10, 10),
        (4, 0, 14, 40),
        (4, 2, 14, 40),
        (4, 0, 20, 40),
        (4, 3, 13, 40),
        (4, 10, 20, 40),
        (0, 4, 2, 4),
        (1, 14, 4, 14),
        (2, 14, 4, 20),
    ] {
        let trainer = Net::quiet().max_epochs(9).min_epochs(min_epochs).min_steps(min_steps).callback(StopAt(ask));
        let (report, _) = fit(trainer, 10);
        assert_eq!(report.batch_step, stops, "min_epochs {min_epochs}, min_steps {min_steps}, asked at {ask}");
        let told = report.warnings.iter().filter(|warning| warning.contains("a stop was requested before")).count();
        assert_eq!(told, usize::from(stops > ask), "min_epochs {min_epochs}, min_steps {min_steps}, asked at {ask}");
    }
}

#[test]
fn s6_a_dev_run_stays_short_whatever_else_is_set() {
    for batches in [1, 4] {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Net::new(NetHparams::default());
        let mut trainer = Net::trainer()
            .fast_dev_run(batches)
            .max_epochs(7)
            .val_check_interval(2)
            .num_sanity_val_steps(3)
            .enable_progress_bar(false)
            .enable_model_summary(false)
            .logger(CsvLogger::new(folder.path()))
            .default_root_dir(folder.path())
            .callback(ModelCheckpoint::new(Net::VAL_ACC).dirpath(folder.path()))
            .callback(EarlyStopping::new(Net::VAL_LOSS).patience(0))
            .build()
            .unwrap();
        let report = trainer.fit(&mut model, (loader(20), loader(20))).unwrap();
        assert_eq!((report.batch_step, report.current_epoch, report.validation_runs), (batches, 1, 1));
        assert_eq!(trainer.validate(&mut model, loader(20)).unwrap().batches, batches);
        assert_eq!(trainer.test(&mut model, loader(20)).unwrap().batches, batches);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = Cosine::new(0.1, cx.estimated_optimizer_steps()?).warmup(20), interval = step)]
struct Warmed {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[state(skip)]
    rates: Ledger,
}

#[lightning_module]
impl Warmed {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    fn on_before_optimizer_step(&mut self, cx: &mut HookContext) {
        self.rates.add(format!("{:.6}", cx.learning_rates()[0].1));
    }
}

#[test]
fn a_dev_run_begins_as_the_run_that_it_tries() {
    let rates = |trainer: TrainerBuilder<Warmed>| {
        let mut model = Warmed::new(WarmedHparams::default());
        let rates = model.rates.clone();
        quiet(trainer).build().unwrap().fit(&mut model, loader(30)).unwrap();
        rates.take()
    };
    for whole in [
        || Warmed::trainer().max_epochs(3),
        || Warmed::trainer().max_steps(50),
        || Warmed::trainer().max_epochs(5).accumulate_grad_batches(2).limit_train_batches(0.5),
    ] {
        let (all, tried) = (rates(whole()), rates(whole().fast_dev_run(4)));
        assert!(!tried.is_empty() && tried.len() <= 4 && all.len() > 20, "{} of {}", tried.len(), all.len());
        assert_eq!(tried, all[..tried.len()]);
    }
    // A run too short for its warm-up is an error, and the dev run finds it.
    for trainer in [Warmed::trainer().max_steps(10), Warmed::trainer().max_steps(10).fast_dev_run(2)] {
        let mut model = Warmed::new(WarmedHparams::default());
        let error = quiet(trainer).build().unwrap().fit(&mut model, loader(30)).unwrap_err();
        assert!(error.to_string().contains("warm"), "{error}");
    }
}

#[derive(Batch, Clone, Debug)]
struct Numbers {
    x: Tensor<2>,
    #[batch(host)]
    numbers: Vec<usize>,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Shuffled {
    #[init(DropoutConfig::new(0.5).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(1, 1).init(device))]
    layer: Linear,
    #[state(skip)]
    seen: Ledger,
}

#[lightning_module]
impl Shuffled {
    fn training_step(&self, batch: Numbers, cx: &StepContext) -> Tensor<1> {
        self.seen.add(format!("{:?} {}", batch.numbers, cx.rng().next_u64()));
        self.layer.forward(self.dropout.forward(batch.x)).mean()
    }
    fn validation_step(&self, batch: Numbers) {
        drop(self.layer.forward(batch.x));
    }
}

#[test]
fn s7_the_sanity_check_changes_nothing() {
    let numbers = |shuffle| {
        DataLoader::builder((0..40).collect::<Vec<usize>>())
            .batch_size(4)
            .shuffle(shuffle)
            .collate(|numbers: Vec<usize>| Ok(Numbers { x: Tensor::ones([4, 1], &Device::default()), numbers }))
            .build()
            .unwrap()
    };
    let run = |sanity| {
        seed_everything(123);
        let mut model = Shuffled::new(ShuffledHparams::default());
        let seen = model.seen.clone();
        let mut trainer = quiet(Shuffled::trainer()).max_steps(2).num_sanity_val_steps(sanity).build().unwrap();
        trainer.fit(&mut model, (numbers(true), numbers(true))).unwrap();
        let weight: Vec<f32> = model.layer.weight.val().into_data().iter().collect();
        (seen.take(), weight)
    };
    assert_eq!(run(0), run(2));
}

#[test]
fn what_is_opened_is_closed() {
    // What `with_events` relies on: each hook that opens something has one that closes it.
    for hook in Hook::ALL.iter().map(|hook| hook.name()).filter(|name| name.ends_with("_start")) {
        let end = hook.replace("_start", "_end");
        assert!(Hook::ALL.iter().any(|hook| hook.name() == end), "{hook} is never closed");
    }
}
