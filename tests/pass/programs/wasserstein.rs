//! Two players: an optimizer for each, the one stepped less often than the other.
#![deny(warnings)]

use burn::{
    nn::*,
    optim::AdamConfig,
    prelude::*,
    tensor::{Distribution, activation::relu},
};
use lightning_core::prelude::*;

use super::quick;

#[derive(Module, Debug)]
pub struct Player {
    first: Linear,
    second: Linear,
}

impl Player {
    fn new(from: usize, to: usize, device: &Device) -> Self {
        Self { first: LinearConfig::new(from, 8).init(device), second: LinearConfig::new(8, to).init(device) }
    }
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.forward(relu(self.first.forward(x)))
    }
}

#[lightning_module]
pub struct Wgan {
    #[optimizer(AdamConfig::new().with_beta_1(0.0).with_beta_2(0.9), lr = lr)]
    #[init(Player::new(4, 1, device))]
    critic: Player,
    #[optimizer(AdamConfig::new().with_beta_1(0.0).with_beta_2(0.9), lr = lr)]
    #[init(Player::new(latent, 4, device))]
    generator: Player,
    #[buffer(Tensor::random([2, latent], Distribution::Normal(0.0, 1.0), device))]
    fixed_noise: Tensor<2>,
    #[state(skip)]
    samples: Vec<Tensor<2>>,
    #[hparam(default = 3)]
    latent: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl Wgan {
    fn sample(&self, n: usize, device: &Device) -> Tensor<2> {
        self.generator.forward(Tensor::random([n, self.latent], Distribution::Normal(0.0, 1.0), device))
    }
    #[training_step(optimizer = critic)]
    fn critic_step(&self, real: Tensor<2>) -> Tensor<1> {
        let fake = self.sample(real.dims()[0], &real.device()).detach();
        #[log(minimize, prog_bar)]
        let critic_loss = self.critic.forward(fake).mean() - self.critic.forward(real).mean();
        critic_loss
    }
    #[training_step(optimizer = generator, every = 2)]
    fn generator_step(&self, real: Tensor<2>) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let generator_loss = self.critic.forward(self.sample(real.dims()[0], &real.device())).mean().neg();
        generator_loss
    }
    fn on_train_epoch_end(&mut self) {
        self.samples.push(self.generator.forward(self.fixed_noise.clone()));
    }
}

#[test]
fn runs() {
    let mut model = Wgan::new(WganHparams::default());
    let before = (model.critic.first.weight.to_data(), model.generator.first.weight.to_data());
    quick(Wgan::trainer()).build().unwrap().fit(&mut model, super::super::rows()).unwrap();
    assert_ne!(model.critic.first.weight.to_data(), before.0);
    assert_ne!(model.generator.first.weight.to_data(), before.1);
    assert_eq!(model.samples.len(), 1);
}
