//! Learning rates that a schedule sets: against torch's numbers.

use burn::{nn::*, optim::SgdConfig, prelude::*, tensor::activation::tanh};
use lightning_core::{
    functional::cross_entropy,
    optim::{Interval, ParameterGroup, Schedule},
    prelude::*,
    schedulers::ReduceLROnPlateau,
};

use crate::{
    optimizers_support::{assert_close, linear, loader, network, reference},
    support::{Rows, quiet},
};

#[lightning_module]
#[optimizer(
    SgdConfig::new(),
    lr = Cosine::new(lr, cx.estimated_optimizer_steps()?),
    interval = step,
    group(head, lr = lr / 2.0),
)]
struct Annealed {
    #[init(linear("body", 8, 6, double, device))]
    body: Linear,
    #[init(linear("head", 6, 3, double, device))]
    head: Linear,
    #[hparam(default = 0.2)]
    lr: f64,
    /// Everything in float64.
    #[hparam(default = false)]
    double: bool,
}

#[lightning_module]
impl Annealed {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.head.forward(tanh(self.body.forward(batch.x))), batch.y)
    }

    fn on_train_batch_start(&mut self, cx: &mut HookContext) {
        let expected = reference().rates()[cx.global_step() as usize];
        let rates = cx.learning_rates();
        assert_eq!(rates[0].0, "optimizer/pg1");
        assert!((rates[0].1 - expected).abs() < 1e-12, "{rates:?} at step {}: torch has {expected}", cx.global_step());
        assert!((rates[1].1 - expected / 2.0).abs() < 1e-12, "a group keeps its ratio");
    }
}

#[test]
fn a_schedule_by_steps_gives_torchs_numbers() {
    for double in [false, true] {
        let mut model = Annealed::new(AnnealedHparams::default().with_double(double));
        let mut trainer = quiet(Annealed::trainer()).max_epochs(4).build().unwrap();
        trainer.fit(&mut model, loader(double)).unwrap();
        assert_close("cosine", double, &model.body, &model.head, &reference().cosine_by_step);
    }
}

#[lightning_module]
struct Configured {
    #[init(linear("body", 8, 6, double, device))]
    body: Linear,
    #[init(linear("head", 6, 3, double, device))]
    head: Linear,
    #[hparam(default = 0.2)]
    lr: f64,
    /// Everything in float64.
    #[hparam(default = false)]
    double: bool,
}

#[lightning_module]
impl Configured {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.head.forward(tanh(self.body.forward(batch.x))), batch.y)
    }

    fn configure_optimizers(&self, cx: &FitContext) -> Result<OptimizerSetup> {
        let schedule = Schedule::new(Cosine::new(self.lr, cx.estimated_optimizer_steps()?), Interval::Step)?;
        Ok(OptimizerSetup::scheduled("sgd", SgdConfig::new(), schedule)
            .group(ParameterGroup::new(Self::HEAD).lr(self.lr / 2.0)))
    }
}

#[test]
fn optimizers_made_by_the_module_are_the_same() {
    for double in [false, true] {
        let mut model = Configured::new(ConfiguredHparams::default().with_double(double));
        let mut trainer = quiet(Configured::trainer()).max_epochs(4).build().unwrap();
        trainer.fit(&mut model, loader(double)).unwrap();
        assert_close("configured", double, &model.body, &model.head, &reference().cosine_by_step);
    }
}

network! {
    #[optimizer(
        SgdConfig::new(),
        lr = ReduceLROnPlateau::new(0.5).factor(0.5).patience(0),
        interval = epoch,
        monitor = val_loss,
    )]
    Watched {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.forward(batch.x), batch.y)
        }

        fn validation_step(&self, _batch: Rows, cx: &StepContext) {
            #[log(minimize)]
            let val_loss = [4.0, 3.0, 3.5, 3.6, 2.0][cx.current_epoch() as usize];
        }

        fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
            // patience 0: a worse epoch halves the rate for the next one.
            let expected = [0.5, 0.5, 0.5, 0.25, 0.125][cx.current_epoch() as usize];
            assert_eq!(cx.learning_rates(), [("optimizer".to_owned(), expected)]);
        }
    }
}

#[test]
fn a_plateau_halves_the_rate() {
    let mut model = Watched::new(WatchedHparams::default());
    let mut trainer = quiet(Watched::trainer()).max_epochs(5).num_sanity_val_steps(0).build().unwrap();
    trainer.fit(&mut model, (loader(false), loader(false))).unwrap();
    // Without validation it could never step: refused before the first batch.
    let mut model = Watched::new(WatchedHparams::default());
    let mut trainer = quiet(Watched::trainer()).max_epochs(5).limit_val_batches(0).build().unwrap();
    let error = trainer.fit(&mut model, loader(false)).unwrap_err();
    assert!(error.to_string().contains("`val_loss`"), "{error}");
}
