//! Several optimizers, and optimization by hand: against torch's numbers and hand-written loops.

use burn::{
    module::Module,
    nn::*,
    optim::{AdamConfig, GradientsParams, SgdConfig},
    prelude::*,
    tensor::activation::tanh,
};
use lightning_core::{ErrorKind, functional::cross_entropy, prelude::*, trainer::TrainerBuilder};

use crate::{
    optimizers_support::{assert_close, linear, loader, reference, values},
    support::{Net, Rows, batches, bits, quiet},
};

#[lightning_module]
struct Pair {
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    #[init(linear("body", 8, 6, double, device))]
    body: Linear,
    #[optimizer(AdamConfig::torch_defaults(), lr = lr)]
    #[init(linear("head", 6, 3, double, device))]
    head: Linear,
    #[hparam(default = 0.01)]
    lr: f64,
    /// Everything in float64.
    #[hparam(default = false)]
    double: bool,
}

#[lightning_module]
impl Pair {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.head.forward(tanh(self.body.forward(batch.x))), batch.y)
    }
}

#[test]
fn one_loss_trains_two_optimizers() {
    for double in [false, true] {
        let mut model = Pair::new(PairHparams::default().with_double(double));
        let mut trainer = quiet(Pair::trainer()).max_epochs(4).build().unwrap();
        let report = trainer.fit(&mut model, loader(double)).unwrap();
        assert_eq!(report.global_step, 32, "two optimizers are one window");
        assert_close("pair", double, &model.body, &model.head, &reference().two_optimizers);
    }
}

/// Two networks that see each other: what a generator and a critic are.
#[lightning_module]
struct Rivals {
    #[optimizer(AdamConfig::new(), lr = lr)]
    #[init(LinearConfig::new(8, 1).init(device))]
    critic: Linear,
    #[optimizer(SgdConfig::new(), lr = lr)]
    #[init(LinearConfig::new(8, 8).init(device))]
    generator: Linear,
    #[hparam(default = 0.01)]
    lr: f64,
}

impl Rivals {
    fn critic_loss(&self, x: Tensor<2>) -> Tensor<1> {
        let fake = self.generator.forward(x.clone()).detach();
        self.critic.forward(fake).mean() - self.critic.forward(x).powi_scalar(2).mean()
    }

    fn generator_loss(&self, x: Tensor<2>) -> Tensor<1> {
        self.critic.forward(self.generator.forward(x)).mean().neg()
    }

    fn bits(&self) -> Vec<u32> {
        [values(&self.critic), values(&self.generator)].iter().flat_map(|values| bits(values)).collect()
    }
}

#[lightning_module]
impl Rivals {
    #[training_step(optimizer = critic, repeat = 2)]
    fn critic_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let critic_loss = self.critic_loss(batch.x);
        assert!(!self.generator.weight.is_require_grad(), "the other optimizer's fields are out of sight");
        assert!(self.critic.weight.is_require_grad());
        critic_loss
    }

    #[training_step(optimizer = generator, every = 3)]
    fn generator_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let generator_loss = self.generator_loss(batch.x);
        assert!(!self.critic.weight.is_require_grad());
        generator_loss
    }

    fn on_train_end(&mut self, cx: &mut HookContext) -> Result<()> {
        assert!(self.critic.weight.is_require_grad() && self.generator.weight.is_require_grad());
        assert_eq!(cx.optimizer_steps(Self::CRITIC)?, 40);
        assert_eq!(cx.optimizer_steps(Self::GENERATOR)?, 6);
        Ok(())
    }
}

/// The same by hand, with Burn alone.
fn rivals_by_hand(model: &Rivals, data: &[Rows], epochs: usize) -> Vec<u32> {
    let device = Device::default().autodiff();
    let mut model = model.clone().valid().train().fork(&device);
    let (mut critic, mut generator) = (AdamConfig::new().init(), SgdConfig::new().init());
    let mut batch_step = 0;
    for _ in 0..epochs {
        for batch in data {
            for _ in 0..2 {
                let x = Batch::to_device(batch.x.clone(), &device);
                let mut gradients = model.critic_loss(x).backward();
                let gradients = GradientsParams::from_module(&mut gradients, &model.critic);
                model.critic = critic.step(0.01, model.critic, gradients);
            }
            batch_step += 1;
            if batch_step % 3 == 0 {
                let x = Batch::to_device(batch.x.clone(), &device);
                let mut gradients = model.generator_loss(x).backward();
                let gradients = GradientsParams::from_module(&mut gradients, &model.generator);
                model.generator = generator.step(0.01, model.generator, gradients);
            }
        }
    }
    model.valid().bits()
}

#[test]
fn steps_of_several_optimizers_are_the_loop_written_by_hand() {
    seed_everything(3);
    let data = batches(&[6; 10], 4);
    let mut model = Rivals::new(RivalsHparams::default());
    let expected = rivals_by_hand(&model, &data, 2);
    let mut trainer = quiet(Rivals::trainer()).max_epochs(2).build().unwrap();
    let report = trainer.fit(&mut model, DataLoader::from_batches(data).unwrap()).unwrap();
    assert_eq!((report.global_step, report.batch_step), (20, 20), "a window for each batch, whatever steps in it");
    assert_eq!(model.bits(), expected);
}

#[lightning_module]
struct ByHand {
    #[optimizer(AdamConfig::new(), lr = 0.01)]
    #[init(LinearConfig::new(8, 1).init(device))]
    critic: Linear,
    #[optimizer(SgdConfig::new(), lr = 0.01)]
    #[init(LinearConfig::new(8, 8).init(device))]
    generator: Linear,
    #[state]
    batches: u64,
}

#[lightning_module]
impl ByHand {
    fn critic_loss(&self, x: Tensor<2>) -> Tensor<1> {
        let fake = self.generator.forward(x.clone()).detach();
        self.critic.forward(fake).mean() - self.critic.forward(x).powi_scalar(2).mean()
    }

    #[manual_optimization]
    fn training_step(&mut self, batch: Rows, optimizers: &mut Optimizers<Self>) -> Result<()> {
        for _ in 0..2 {
            #[log(minimize, reduce = mean)]
            let critic_loss = self.critic_loss(batch.x.clone());
            let gradients = optimizers.backward(self, critic_loss)?;
            optimizers.step(Self::CRITIC, self, gradients)?;
        }
        self.batches += 1;
        if self.batches.is_multiple_of(3) {
            optimizers.toggled(Self::GENERATOR, self, |optimizers, module| {
                assert!(!module.critic.weight.is_require_grad());
                let fake = module.generator.forward(batch.x);
                let loss = module.critic.forward(fake).mean().neg();
                let gradients = optimizers.backward(module, loss)?;
                optimizers.step(Self::GENERATOR, module, gradients)
            })?;
        }
        Ok(())
    }
}

#[test]
fn optimization_by_hand_is_the_same() {
    seed_everything(3);
    let data = batches(&[6; 10], 4);
    let mut model = Rivals::new(RivalsHparams::default());
    let mut by_hand = ByHand::new(ByHandHparams::default());
    by_hand.critic = model.critic.clone();
    by_hand.generator = model.generator.clone();
    quiet(Rivals::trainer())
        .max_epochs(2)
        .build()
        .unwrap()
        .fit(&mut model, DataLoader::from_batches(data.clone()).unwrap())
        .unwrap();
    let mut trainer = quiet(ByHand::trainer()).max_epochs(2).build().unwrap();
    let report = trainer.fit(&mut by_hand, DataLoader::from_batches(data).unwrap()).unwrap();
    assert_eq!(report.global_step, 20);
    assert_eq!(by_hand.batches, 20);
    let ours: Vec<u32> =
        [values(&by_hand.critic), values(&by_hand.generator)].iter().flat_map(|values| bits(values)).collect();
    assert_eq!(ours, model.bits());
}

/// What the compiler cannot check: a function for all modules.
fn accumulated_and_clipped<M>(builder: TrainerBuilder<M>) -> TrainerBuilder<M> {
    builder.accumulate_grad_batches(2).gradient_clip_val(1.0)
}

#[test]
fn settings_that_a_module_by_hand_ignores_are_errors() {
    assert!(accumulated_and_clipped(quiet(Net::trainer())).build().is_ok());
    let error = accumulated_and_clipped(quiet(ByHand::trainer())).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(text.contains("accumulate_grad_batches") && text.contains("gradient_clip_val"), "{text}");
}
