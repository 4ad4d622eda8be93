//! Schedules, several optimizers, optimization by hand and L-BFGS go on where they were.

use burn::{
    nn::*,
    optim::{AdamConfig, AdamWConfig, LBFGSConfig, SgdConfig},
    prelude::*,
    tensor::activation::{relu, tanh},
};
use lightning_core::{
    Rng,
    data::FitData,
    prelude::*,
    schedulers::{CosineWarmRestarts, ExponentialDecay, ReduceLROnPlateau, SequentialSchedule},
};

use crate::{
    resume_exact::{Case, MOMENTS, Moment, Program, program, try_case},
    support::Rows,
};

macro_rules! network {
    ($(#[$attr:meta])* $name:ident, $hparams:ident { $($step:tt)* }) => {
        #[lightning_module]
        $(#[$attr])*
        struct $name {
            #[init(LinearConfig::new(8, 6).init(device))]
            body: Linear,
            #[init(DropoutConfig::new(0.2).init())]
            dropout: Dropout,
            #[init(LinearConfig::new(6, 3).init(device))]
            head: Linear,
        }

        #[lightning_module]
        impl $name {
            fn forward(&self, x: Tensor<2>) -> Tensor<2> {
                self.head.forward(self.dropout.forward(tanh(self.body.forward(x))))
            }

            fn validation_step(&self, batch: Rows) {
                #[log(minimize)]
                let val_loss = cross_entropy(self.forward(batch.x), batch.y);
            }

            $($step)*
        }

        program!($name, $hparams);
    };
}

network! {
    #[optimizer(
        AdamWConfig::new(),
        lr = OneCycle::new(0.05, 120).momentum(0.8, 0.95),
        interval = step,
        frequency = 2,
        group(params::rank_below(2), weight_decay = 0.0),
        group(head, lr = 0.01),
    )]
    Cycled, CycledHparams {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.forward(batch.x), batch.y)
        }
    }
}

network! {
    #[optimizer(
        SgdConfig::new(),
        lr = ReduceLROnPlateau::new(0.5).factor(0.5).patience(1).cooldown(1),
        interval = step,
        monitor = val_loss,
        strict = false,
    )]
    Watching, WatchingHparams {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.forward(batch.x), batch.y)
        }
    }
}

network! {
    #[optimizer(
        SgdConfig::new(),
        lr = SequentialSchedule::new(ExponentialDecay::new(0.5, 0.9)).then(2, Cosine::new(0.3, 3)),
        interval = epoch,
    )]
    Weighted, WeightedHparams {
        fn training_step(&self, batch: Rows) -> Loss {
            let n = batch.y.dims()[0];
            Loss::weighted(cross_entropy(self.forward(batch.x), batch.y) * n as f64, n)
        }
    }
}

network! {
    #[optimizer(LBFGSConfig::new().with_max_iter(3).with_history_size(4), lr = 0.3)]
    Searched, SearchedHparams {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            cross_entropy(self.forward(batch.x), batch.y)
        }
    }
}

#[lightning_module]
struct Rivals {
    #[optimizer(AdamConfig::new(), lr = CosineWarmRestarts::new(0.01, 5), interval = step)]
    #[init(LinearConfig::new(8, 3).init(device))]
    critic: Linear,
    #[optimizer(AdamConfig::new(), lr = ExponentialDecay::new(0.01, 0.9), interval = epoch)]
    #[init(LinearConfig::new(8, 8).init(device))]
    generator: Linear,
}

#[lightning_module]
impl Rivals {
    #[training_step(optimizer = critic, repeat = 2)]
    fn critic_step(&self, batch: Rows, cx: &StepContext) -> Tensor<1> {
        let noise = cx.rng().uniform();
        cross_entropy(self.critic.forward(self.generator.forward(batch.x).detach()), batch.y) * (0.5 + noise)
    }

    #[training_step(optimizer = generator, every = 3)]
    fn generator_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.critic.forward(relu(self.generator.forward(batch.x))), batch.y)
    }

    fn validation_step(&self, batch: Rows) {
        #[log(minimize)]
        let val_loss = cross_entropy(self.critic.forward(batch.x), batch.y);
    }
}

program!(Rivals, RivalsHparams);

#[lightning_module]
struct ByHand {
    #[optimizer(AdamConfig::new(), lr = Cosine::new(0.01, 40), interval = step)]
    #[init(LinearConfig::new(8, 3).init(device))]
    critic: Linear,
    #[optimizer(SgdConfig::new(), lr = 0.01)]
    #[init(LinearConfig::new(8, 8).init(device))]
    generator: Linear,
    #[state]
    batches: u64,
}

#[lightning_module]
impl ByHand {
    #[manual_optimization]
    fn training_step(&mut self, batch: Rows, optimizers: &mut Optimizers<Self>) -> Result<()> {
        let loss =
            cross_entropy(self.critic.forward(self.generator.forward(batch.x.clone()).detach()), batch.y.clone());
        let gradients = optimizers.backward(self, loss)?;
        optimizers.step(Self::CRITIC, self, gradients.clip_norm(0.1))?;
        optimizers.scheduler(Self::CRITIC)?.step()?;
        self.batches += 1;
        if self.batches.is_multiple_of(3) {
            let lr = optimizers.lr(Self::GENERATOR)?;
            optimizers.set_lr(Self::GENERATOR, lr * 0.9)?;
            optimizers.toggled(Self::GENERATOR, self, |optimizers, module| {
                let loss = cross_entropy(module.critic.forward(module.generator.forward(batch.x)), batch.y);
                let gradients = optimizers.backward(module, loss)?;
                optimizers.step(Self::GENERATOR, module, gradients)
            })?;
        }
        Ok(())
    }

    fn validation_step(&self, batch: Rows) {
        #[log(minimize)]
        let val_loss = cross_entropy(self.critic.forward(batch.x), batch.y);
    }
}

program!(ByHand, ByHandHparams);

/// How often each is tried; more by hand.
fn tries() -> u64 {
    std::env::var("RESUME_TRIES").ok().and_then(|tries| tries.parse().ok()).unwrap_or(4)
}

fn resume_anywhere<M: Program>(change: impl Fn(&mut Case))
where
    (DataLoader<Rows>, DataLoader<Rows>): FitData<M>,
{
    let mut resumed = 0;
    for seed in 0..tries() {
        let mut rng = Rng::new(5000 + seed);
        let mut case = Case::random(&mut rng);
        change(&mut case);
        let last = (case.epochs * case.items.div_ceil(case.batch_size)) as u64;
        let mut moments: Vec<_> =
            (0..8).map(|_| (MOMENTS[rng.random_range(0..8)], rng.random_range(0..last as usize + 1) as u64)).collect();
        moments.push((Moment::BatchEnd, 1));
        resumed += try_case::<M>(&case, moments);
    }
    assert!(resumed >= tries() as usize, "{resumed} checkpoints were tried");
}

fn without_windows(case: &mut Case) {
    case.accumulate = 1;
    case.clip = None;
}

#[test]
fn a_schedule_by_steps_with_momentum_and_groups() {
    resume_anywhere::<Cycled>(|_| ());
}

#[test]
fn a_schedule_that_watches_a_metric() {
    resume_anywhere::<Watching>(|_| ());
}

#[test]
fn a_schedule_by_epochs_and_weighted_windows() {
    resume_anywhere::<Weighted>(|case| case.accumulate += 1);
}

#[test]
fn several_optimizers_in_turn() {
    resume_anywhere::<Rivals>(|_| ());
}

#[test]
fn optimization_by_hand() {
    resume_anywhere::<ByHand>(without_windows);
}

#[test]
fn lbfgs() {
    resume_anywhere::<Searched>(without_windows);
}
