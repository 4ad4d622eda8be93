//! Two players: an optimizer for each, the one stepped less often than the other, a penalty of
//! gradients, pictures for the loggers.
#![deny(warnings)]

use burn::{
    module::Module,
    nn::*,
    optim::AdamConfig,
    prelude::*,
    tensor::{
        Distribution,
        activation::{sigmoid, silu},
    },
};
use lightning_core::{
    loggers::{MemoryLogger, grid},
    prelude::*,
};

use super::fashion::ImageBatch;

/// Height and width of the images.
const SIDE: usize = 4;

#[derive(Module, Debug)]
pub struct Critic {
    first: Linear,
    second: Linear,
}

impl Critic {
    fn new(device: &Device) -> Self {
        Self { first: LinearConfig::new(SIDE * SIDE, 8).init(device), second: LinearConfig::new(8, 1).init(device) }
    }
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        self.second.forward(silu(self.first.forward(x.flatten(1, 3))))
    }
}

#[derive(Module, Debug)]
pub struct Generator {
    first: Linear,
    norm: BatchNorm,
    second: Linear,
}

impl Generator {
    fn new(latent: usize, device: &Device) -> Self {
        Self {
            first: LinearConfig::new(latent, 8).init(device),
            norm: BatchNormConfig::new(8).init(device),
            second: LinearConfig::new(8, SIDE * SIDE).init(device),
        }
    }
    fn forward(&self, noise: Tensor<2>) -> Tensor<4> {
        let [n, _] = noise.dims();
        sigmoid(self.second.forward(silu(self.norm.forward(self.first.forward(noise))))).reshape([n, 1, SIDE, SIDE])
    }
}

#[lightning_module]
pub struct Wgan {
    #[optimizer(AdamConfig::new().with_beta_1(0.0).with_beta_2(0.9), lr = lr)]
    #[init(Critic::new(device))]
    critic: Critic,
    #[optimizer(AdamConfig::new().with_beta_1(0.0).with_beta_2(0.9), lr = lr)]
    #[init(Generator::new(latent, device))]
    generator: Generator,
    #[buffer(Tensor::random([64, latent], Distribution::Normal(0.0, 1.0), device))]
    fixed_noise: Tensor<2>,
    #[hparam(default = 3)]
    latent: usize,
    #[hparam(default = 1e-4)]
    lr: f64,
}

#[lightning_module]
impl Wgan {
    fn sample(&self, n: usize, device: &Device) -> Tensor<4> {
        self.generator.forward(Tensor::random([n, self.latent], Distribution::Normal(0.0, 1.0), device))
    }
    #[training_step(optimizer = critic)]
    fn critic_step(&self, batch: ImageBatch) -> Tensor<1> {
        let real = batch.images;
        let fake = self.sample(real.dims()[0], &real.device()).detach();
        let mix = grad::interpolate(&real, &fake);
        let penalty = grad::gradient_penalty(&self.critic, mix, 1.0, |c, x| c.forward(x));
        #[log(minimize, prog_bar)]
        let critic_loss = self.critic.forward(fake).mean() - self.critic.forward(real).mean() + penalty * 10.0;
        critic_loss
    }
    #[training_step(optimizer = generator, every = 5)]
    fn generator_step(&self, batch: ImageBatch) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let generator_loss =
            self.critic.forward(self.sample(batch.images.dims()[0], &batch.images.device())).mean().neg();
        generator_loss
    }
    fn on_train_epoch_end(&mut self, cx: &mut HookContext) {
        // Hooks of training see the module in training form: BatchNorm would learn from the grid.
        cx.log_image("samples", grid(self.generator.valid().forward(self.fixed_noise.clone()), 8));
    }
}

#[test]
fn runs() -> Result<()> {
    let device = Device::default();
    let batch = ImageBatch { images: Tensor::ones([4, 1, SIDE, SIDE], &device), targets: Tensor::zeros([4], &device) };
    let (logger, mut model) = (MemoryLogger::new(), Wgan::new(WganHparams::default()));
    let before = (model.critic.first.weight.to_data(), model.generator.first.weight.to_data());
    let trainer = Wgan::trainer().max_epochs(2).enable_checkpointing(false).enable_progress_bar(false);
    let mut trainer = trainer.enable_model_summary(false).log_every_n_steps(1).logger(logger.clone()).build()?;
    trainer.fit(&mut model, vec![batch; 5])?;
    assert_ne!(model.critic.first.weight.to_data(), before.0);
    assert_ne!(model.generator.first.weight.to_data(), before.1);
    assert_eq!((logger.values("critic_loss").len(), logger.values("generator_loss").len()), (10, 2));
    let images = logger.images();
    assert!(images.len() == 2 && images.iter().all(|(name, image, _)| name == "samples" && image.width == 8 * 6 + 2));
    Ok(())
}
