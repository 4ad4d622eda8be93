//! Settings that have nothing to do, schedules that wait for a metric, and what reports and plans say.

use burn::{
    nn::*,
    optim::{AdamConfig, SgdConfig},
    prelude::*,
};
use lightning_core::{
    callbacks::{EmaWeightAveraging, StochasticWeightAveraging, WeightAveraging},
    prelude::*,
    schedulers::ReduceLROnPlateau,
    trainer::TrainerBuilder,
};

use crate::support::{Net, NetHparams, Rows, batches, quiet};
use crate::{
    run_ends::loader,
    run_losses::{Break, Breaking, BreakingHparams},
};

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
