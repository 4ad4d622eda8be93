//! Settings that cannot work, each by itself and all together, and when validation runs by those
//! that can.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    prelude::*,
    settings::{Every, Steps},
    trainer::{StopReason, TrainerBuilder},
};

use crate::support::*;

fn loader(count: usize) -> DataLoader<Rows> {
    DataLoader::from_batches(batches(&vec![4; count], 1)).unwrap()
}

#[test]
fn every_wrong_setting_is_named() {
    let zero = Duration::ZERO;
    let cases = [
        (Net::trainer().limit_train_batches(-1), "`limit_train_batches` must not be negative, found -1"),
        (
            Net::trainer().limit_val_batches(1.5),
            "`limit_val_batches` must be a fraction between 0.0 and 1.0, found 1.5",
        ),
        (
            Net::trainer().limit_test_batches(-0.5),
            "`limit_test_batches` must be a fraction between 0.0 and 1.0, found -0.5",
        ),
        (
            Net::trainer().limit_predict_batches(f64::NAN),
            "`limit_predict_batches` must be a fraction between 0.0 and 1.0, found NaN",
        ),
        (Net::trainer().overfit_batches(-2), "`overfit_batches` must not be negative, found -2"),
        (Net::trainer().overfit_batches(1.01), "`overfit_batches` must be a fraction between 0.0 and 1.0, found 1.01"),
        (Net::trainer().overfit_batches(0), "`overfit_batches` must be greater than 0, found 0"),
        (
            Net::trainer().reload_dataloaders_every_n_epochs(0),
            "`reload_dataloaders_every_n_epochs` must be at least 1, found 0",
        ),
        (Net::trainer().val_check_interval(0), "`val_check_interval` must be greater than 0, found 0"),
        (Net::trainer().val_check_interval(0.0), "`val_check_interval` must be greater than 0, found 0.0"),
        (Net::trainer().val_check_interval(-3), "`val_check_interval` must not be negative, found -3"),
        (
            Net::trainer().val_check_interval(1.2),
            "`val_check_interval` must be a fraction between 0.0 and 1.0, found 1.2",
        ),
        (Net::trainer().val_check_interval(Steps(0)), "`val_check_interval` must be greater than 0, found Steps(0)"),
        (
            Net::trainer().val_check_interval(Every(zero)),
            "`val_check_interval` must be greater than 0, found Every(0ns)",
        ),
        (Net::trainer().check_val_every_n_epoch(0), "`check_val_every_n_epoch` must be at least 1, found 0"),
        (Net::trainer().check_val_every_n_epoch(None), "check_val_every_n_epoch(None)"),
        (Net::trainer().check_val_every_n_epoch(None).val_check_interval(0.5), "val_check_interval(0.5)"),
        (Net::trainer().log_every_n_steps(0), "`log_every_n_steps` must be at least 1, found 0"),
        (Net::trainer().accumulate_grad_batches(0), "`accumulate_grad_batches` must be at least 1, found 0"),
        (Net::trainer().gradient_clip_val(0.0), "`gradient_clip_val` must be positive and finite, found 0.0"),
        (Net::trainer().gradient_clip_val(-1.0), "`gradient_clip_val` must be positive and finite, found -1.0"),
        (Net::trainer().gradient_clip_val(f64::INFINITY), "`gradient_clip_val` must be positive and finite, found inf"),
        (Net::trainer().max_epochs(1).min_epochs(2), "`min_epochs` must be at most `max_epochs`, found 2 and 1"),
        (Net::trainer().max_steps(1).min_steps(2), "`min_steps` must be at most `max_steps`, found 2 and 1"),
        (Net::trainer().max_time("an hour"), "`max_time`: invalid time `an hour`"),
        (Net::trainer().fast_dev_run(0), "`fast_dev_run` must be at least 1 batch, found 0"),
        (Net::trainer().accelerator("abacus"), "unknown accelerator `abacus`"),
        (Net::trainer().profiler("slow"), "unknown profiler `slow`"),
        (Net::trainer().renderer("window"), "unknown renderer `window`"),
        (Net::trainer().renderer("tui"), "`renderer(\"tui\")` needs burn-train's terminal interface"),
        (Net::trainer().devices(0), "`devices` must name at least 1 device, found `devices(0)`"),
        (Net::trainer().devices(-1), "`devices` must name at least 1 device, found `devices(-1)`"),
        (Net::trainer().devices([0; 0]), "`devices` must name at least 1 device, found `devices([])`"),
        (Net::trainer().accelerator("cpu").devices([3]), "devices([3])"),
        (Net::trainer().num_nodes(0), "`num_nodes` must be at least 1, found 0"),
        (Net::trainer().strategy("fsdp"), "unknown strategy `fsdp`"),
        (Net::trainer().devices(2).strategy("single_device"), "`strategy(\"single_device\")` uses one device"),
        (Net::trainer().enable_checkpointing(false).callback(ModelCheckpoint::new(Net::VAL_ACC)), "ModelCheckpoint"),
        (Net::trainer().deterministic(true).max_time(Duration::from_secs(1)), "max_time"),
        (Net::trainer().deterministic(true).val_check_interval(Every(Duration::from_secs(1))), "Every"),
    ];
    for (builder, named) in cases {
        assert_rejected(builder, named);
    }
    let barebones = [
        (Trainer::barebones().callback(ModelCheckpoint::<Net>::latest()), "ModelCheckpoint"),
        (Trainer::barebones().callback(EarlyStopping::new(Net::VAL_LOSS)), "`val_loss`"),
        (Trainer::barebones().accumulate_grad_batches(0), "accumulate_grad_batches"),
    ];
    for (builder, named) in barebones {
        assert_rejected(builder, named);
    }
}

fn assert_rejected<K>(builder: TrainerBuilder<Net, K>, named: &str) {
    let settings = format!("{builder:?}");
    let Err(error) = builder.build() else { panic!("{named} was let through: {settings}") };
    let text = error.to_string();
    assert!(text.contains(named) && text.contains("help: "), "{named}: {text}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let error = Net::trainer()
        .overfit_batches(0)
        .val_check_interval(0.5)
        .check_val_every_n_epoch(None)
        .reload_dataloaders_every_n_epochs(0)
        .deterministic(true)
        .max_time("00:00:00:01")
        .fast_dev_run(0)
        .log_every_n_steps(0)
        .build()
        .unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("6 settings cannot work:"), "{text}");
    // Each line names a setting and says what to do.
    assert_eq!(text.lines().filter(|line| line.starts_with("  - ") && line.contains("; ")).count(), 6, "{text}");
}

#[test]
fn settings_that_turn_something_off_go_together() {
    Net::quiet().accelerator("cpu").devices(1).num_nodes(1).strategy("auto").build().unwrap();
    Net::quiet().accelerator("cpu").devices([0]).build().unwrap();
    Net::quiet().deterministic(true).val_check_interval(Steps(5)).build().unwrap();
}

/// Notes how many batches and optimizer steps were done at each validation.
struct Validations(Arc<Mutex<Vec<(u64, u64)>>>);

impl<M> Callback<M> for Validations {
    fn on_validation_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if !cx.is_sanity_checking() {
            self.0.lock().unwrap().push((cx.batch_step(), cx.global_step()));
        }
        Ok(())
    }
}

/// Batches and optimizer steps done at each validation.
fn validated(trainer: TrainerBuilder<Net>, train: DataLoader<Rows>) -> Vec<(u64, u64)> {
    seed_everything(1);
    let seen = Arc::default();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = trainer.callback(Validations(Arc::clone(&seen))).build().unwrap();
    trainer.fit(&mut model, (train, loader(1))).unwrap();
    let seen = seen.lock().unwrap();
    seen.clone()
}

fn at_batches(trainer: TrainerBuilder<Net>, train: DataLoader<Rows>) -> Vec<u64> {
    validated(trainer, train).into_iter().map(|(batch, _)| batch).collect()
}

#[test]
fn v2_batches_are_counted_over_epochs() {
    let every_third = || Net::quiet().max_epochs(3).val_check_interval(3).check_val_every_n_epoch(None);
    for accumulate in [1, 2] {
        let finite = at_batches(every_third().accumulate_grad_batches(accumulate), loader(4));
        assert_eq!(finite, [3, 6, 9, 12], "windows of {accumulate}");
        let endless = DataLoader::from_iter(|_, _| batches(&[4; 5], 1).into_iter().cycle());
        let trainer = every_third().accumulate_grad_batches(accumulate).limit_train_batches(4);
        assert_eq!(at_batches(trainer, endless), [3, 6, 9, 12], "windows of {accumulate}, no length");
    }
    // Longer than an epoch, which is an error where batches are counted inside epochs.
    let longer = Net::quiet().max_epochs(3).val_check_interval(6).check_val_every_n_epoch(None);
    assert_eq!(at_batches(longer, loader(4)), [6, 12]);
    let mut trainer = Net::quiet().max_epochs(3).val_check_interval(6).build().unwrap();
    let error = trainer.fit(&mut Net::new(NetHparams::default()), (loader(4), loader(1))).unwrap_err();
    assert!(error.to_string().contains("`val_check_interval(6)`"), "{error}");
    assert!(error.to_string().contains("check_val_every_n_epoch(None)"), "{error}");
}

#[test]
fn steps_are_optimizer_steps_of_the_run() {
    // Windows of two, the last of an epoch of five batches short: three steps an epoch.
    let trainer = Net::quiet().max_epochs(3).accumulate_grad_batches(2).val_check_interval(Steps(2));
    assert_eq!(validated(trainer, loader(5)), [(4, 2), (7, 4), (10, 6), (14, 8)]);
    // Only in every second epoch.
    let gated = Net::quiet().max_epochs(4).val_check_interval(Steps(2)).check_val_every_n_epoch(2);
    assert_eq!(at_batches(gated, loader(3)), [4, 6, 10, 12]);
}

#[test]
fn time_is_counted_from_the_last_validation() {
    let always = Net::quiet().max_epochs(2).val_check_interval(Every(Duration::from_nanos(1)));
    assert_eq!(at_batches(always, loader(3)), [1, 2, 3, 4, 5, 6]);
    let never = Net::quiet().max_epochs(2).val_check_interval(Every(Duration::from_secs(3600)));
    assert!(at_batches(never, loader(3)).is_empty());
    let gated = Net::quiet().max_epochs(2).val_check_interval(Every(Duration::from_nanos(1)));
    assert_eq!(at_batches(gated.check_val_every_n_epoch(2), loader(3)), [4, 5, 6]);
}

#[test]
fn v6_validation_only_in_every_third_epoch() {
    let seen = Arc::default();
    let mut model = Net::new(NetHparams::default());
    let mut trainer =
        Net::quiet().max_steps(8).check_val_every_n_epoch(3).callback(Validations(Arc::clone(&seen))).build().unwrap();
    let report = trainer.fit(&mut model, (loader(2), loader(1))).unwrap();
    assert_eq!(*seen.lock().unwrap(), [(6, 6)]);
    assert_eq!((report.current_epoch, report.stop_reason), (4, StopReason::MaxSteps));
}

#[test]
fn v9_validation_in_the_middle_of_a_window() {
    // PyTorch Lightning looks at the parameters' `.grad`; here gradients live in the window, which
    // is open when the steps are behind.
    let trainer = Net::quiet().max_epochs(1).accumulate_grad_batches(3).val_check_interval(2);
    assert_eq!(validated(trainer, loader(6)), [(2, 0), (4, 1), (6, 2)]);
}

/// Counts the batches of the sanity check by loader.
struct Sanity(Arc<Mutex<[usize; 2]>>);

impl<M> Callback<M> for Sanity {
    fn on_validation_batch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if cx.is_sanity_checking() {
            self.0.lock().unwrap()[cx.dataloader_idx()] += 1;
        }
        Ok(())
    }
}

#[test]
fn v10_batches_of_the_sanity_check() {
    let sanity = |trainer: TrainerBuilder<Net>| {
        let seen = Arc::default();
        let mut model = Net::new(NetHparams::default());
        let mut trainer =
            trainer.num_sanity_val_steps(4).max_steps(1).callback(Sanity(Arc::clone(&seen))).build().unwrap();
        trainer.fit(&mut model, (loader(1), [loader(8), loader(64)])).unwrap();
        let seen = seen.lock().unwrap();
        *seen
    };
    assert_eq!(sanity(Net::quiet().limit_val_batches(0)), [0, 0]);
    assert_eq!(sanity(Net::quiet().limit_val_batches(1)), [1, 1]);
    assert_eq!(sanity(Net::quiet().limit_val_batches(1.0)), [4, 4]);
    assert_eq!(sanity(Net::quiet().limit_val_batches(0.5)), [4, 4]);
    assert_eq!(sanity(Net::quiet().limit_val_batches(5)), [4, 4]);
}

/// Notes the epoch of each validation.
struct Epochs(Arc<Mutex<Vec<u64>>>);

impl<M> Callback<M> for Epochs {
    fn on_validation_epoch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.0.lock().unwrap().push(cx.current_epoch());
        Ok(())
    }
}

#[test]
fn v12_validations_of_a_part_of_an_epoch() {
    let seen = Arc::default();
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Net::quiet()
        .max_epochs(3)
        .val_check_interval(0.3)
        .limit_train_batches(0.3)
        .limit_val_batches(0.3)
        .callback(Epochs(Arc::clone(&seen)))
        .build()
        .unwrap();
    trainer.fit(&mut model, (loader(64), loader(64))).unwrap();
    // The first is the sanity check.
    assert_eq!(*seen.lock().unwrap(), [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]);
}

#[test]
fn barebones_logs_shows_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    let mut trainer = Trainer::<Net>::barebones().max_epochs(2).default_root_dir(folder.path()).build().unwrap();
    let report = trainer.fit(&mut model, (loader(3), loader(2))).unwrap();
    assert_eq!((report.global_step, report.validation_runs), (6, 2));
    assert!(report.metrics.is_empty(), "{}", report.metrics);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let bare = model.parameters();

    seed_everything(1);
    let mut model = Net::new(NetHparams::default());
    Net::quiet().max_epochs(2).build().unwrap().fit(&mut model, (loader(3), loader(2))).unwrap();
    assert_eq!(bits(&bare), bits(&model.parameters()), "the loop is the same");
}

#[derive(Batch, Clone, Debug)]
struct Numbers {
    x: Tensor<2>,
    #[batch(host)]
    numbers: Vec<usize>,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Counting {
    #[init(LinearConfig::new(1, 1).init(device))]
    layer: Linear,
    #[state(skip)]
    seen: Ledger,
}

#[lightning_module]
impl Counting {
    fn training_step(&self, batch: Numbers) -> Tensor<1> {
        self.seen.add(format!("{:?}", batch.numbers));
        self.layer.forward(batch.x).mean()
    }
    fn validation_step(&self, batch: Numbers) {
        self.seen.add(format!("val {:?}", batch.numbers));
    }
}

fn numbers(shuffle: bool) -> DataLoader<Numbers> {
    DataLoader::builder((0..20).collect::<Vec<usize>>())
        .batch_size(2)
        .shuffle(shuffle)
        .collate(|numbers: Vec<usize>| Ok(Numbers { x: Tensor::ones([numbers.len(), 1], &Device::default()), numbers }))
        .build()
        .unwrap()
}

#[test]
fn overfit_batches_trains_on_the_same_ones_in_order() {
    let run = |trainer: TrainerBuilder<Counting>| {
        let mut model = Counting::new(CountingHparams::default());
        let seen = model.seen.clone();
        let mut trainer = quiet(trainer).max_epochs(2).num_sanity_val_steps(0).build().unwrap();
        trainer.fit(&mut model, (numbers(true), numbers(false))).unwrap();
        seen.take()
    };
    let epoch = ["[0, 1]", "[2, 3]", "val [0, 1]", "val [2, 3]"];
    assert_eq!(run(Counting::trainer().overfit_batches(2)), [epoch, epoch].concat());
    assert_eq!(run(Counting::trainer().overfit_batches(0.2)), [epoch, epoch].concat());
    let trained = ["[0, 1]", "[2, 3]", "[0, 1]", "[2, 3]"];
    assert_eq!(run(Counting::trainer().overfit_batches(2).limit_val_batches(0)), trained);
    // Without it the loader shuffles differently in each epoch.
    let shuffled = run(Counting::trainer().limit_train_batches(2).limit_val_batches(0));
    assert_ne!(shuffled[..2], shuffled[2..]);
}

#[data_module]
struct Reloaded {
    #[state(skip)]
    calls: Ledger,
}

#[data_module]
impl Reloaded {
    fn train_dataloader(&self) -> DataLoader<Rows> {
        self.calls.add("train");
        loader(2)
    }
    fn val_dataloader(&self) -> DataLoader<Rows> {
        self.calls.add("val");
        loader(1)
    }
}

#[test]
fn loaders_are_created_again_after_epochs() {
    let calls = |trainer: TrainerBuilder<Net>| {
        let mut data = Reloaded::new(ReloadedHparams::default());
        let calls = data.calls.clone();
        let mut trainer = trainer.max_epochs(5).build().unwrap();
        let report = trainer.fit(&mut Net::new(NetHparams::default()), &mut data).unwrap();
        assert_eq!((report.global_step, report.validation_runs), (10, 5));
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        calls.take().len() / 2
    };
    assert_eq!(calls(Net::quiet()), 1);
    assert_eq!(calls(Net::quiet().reload_dataloaders_every_n_epochs(1)), 5);
    assert_eq!(calls(Net::quiet().reload_dataloaders_every_n_epochs(2)), 3);
    let mut trainer = Net::quiet().max_epochs(1).reload_dataloaders_every_n_epochs(1).build().unwrap();
    let report = trainer.fit(&mut Net::new(NetHparams::default()), (loader(2), loader(1))).unwrap();
    assert!(report.warnings.iter().any(|warning| warning.contains("data module")), "{:?}", report.warnings);
}

#[test]
fn a_profile_has_every_action() {
    let mut model = Net::new(NetHparams::default());
    let trainer = Net::quiet().max_epochs(2).accumulate_grad_batches(2).num_sanity_val_steps(0).profiler("simple");
    let mut trainer = trainer.callback(Epochs(Arc::default())).build().unwrap();
    trainer.fit(&mut model, (loader(5), loader(2))).unwrap();
    let profile = trainer.profile().unwrap();
    let calls = |name: &str| profile.get(name).map(|action| action.calls);
    assert_eq!((calls("training_step"), calls("backward"), calls("optimizer_step")), (Some(10), Some(10), Some(6)));
    assert_eq!((calls("validation_step"), calls("on_validation_epoch_start")), (Some(4), Some(2)));
    // Nothing overlaps.
    let sum: Duration = profile.actions().iter().map(|action| action.total).sum();
    assert!(sum <= profile.whole(), "{profile}");
    assert!(profile.to_string().contains("optimizer_step"), "{profile}");
    assert!(Net::quiet().build().unwrap().profile().is_none());
}
