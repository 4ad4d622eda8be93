//! Optimization by hand: a GAN on the embedded digits of 8x8 pixels whose discriminator rests while
//! it is far ahead. Whether a step is taken depends on a value of the step itself, which no `every`
//! or `repeat` can say.
#![deny(warnings)]

use std::path::PathBuf;

use burn::{
    nn::*,
    optim::AdamConfig,
    prelude::*,
    tensor::{
        Distribution,
        activation::{leaky_relu, sigmoid},
    },
};
use lightning_core::{
    cli::{Cli, lightning_main},
    functional::bce_with_logits,
    prelude::*,
    schedulers::ExponentialDecay,
};
use lightning_examples::{
    data::digits::{PIXELS, digits},
    grid,
};

#[lightning_module]
#[optimizer(AdamConfig::torch_defaults().with_beta_1(0.5), lr = lr, fields(critic1, critic2), name = discriminator)]
#[optimizer(
    AdamConfig::torch_defaults().with_beta_1(0.5),
    lr = ExponentialDecay::new(lr, 0.9998),
    interval = step,
    fields(draw1, norm, draw2),
    name = generator
)]
pub struct SmallGan {
    #[init(LinearConfig::new(PIXELS, 128).init(device))]
    critic1: Linear,
    #[init(LinearConfig::new(128, 1).init(device))]
    critic2: Linear,
    #[init(LinearConfig::new(latent, 128).init(device))]
    draw1: Linear,
    #[init(BatchNormConfig::new(128).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(128, PIXELS).init(device))]
    draw2: Linear,
    #[hparam(default = 16)]
    latent: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
    /// The file for the grid of samples.
    #[hparam(default = PathBuf::from("lightning_logs/manual_optimization.png"))]
    samples: PathBuf,
    /// Steps that the discriminator has rested.
    #[state]
    rested: u64,
}

impl SmallGan {
    /// The logits of being real: `[batch, 64]` to `[batch, 1]`.
    fn discriminate(&self, images: Tensor<2>) -> Tensor<2> {
        self.critic2.forward(leaky_relu(self.critic1.forward(images), 0.2))
    }

    fn sample(&self, n: usize, device: &Device) -> Tensor<2> {
        let noise = Tensor::random([n, self.latent], Distribution::Normal(0.0, 1.0), device);
        sigmoid(self.draw2.forward(leaky_relu(self.norm.forward(self.draw1.forward(noise)), 0.2)))
    }
}

#[lightning_module]
impl SmallGan {
    #[manual_optimization]
    fn training_step(&mut self, real: Tensor<2>, optimizers: &mut Optimizers<Self>) -> Result<()> {
        let (n, device) = (real.dims()[0], real.device());
        let fake = self.discriminate(self.sample(n, &device).detach());
        let real = self.discriminate(real);
        let right = real.clone().greater_scalar(0.0).float().mean() + fake.clone().lower_scalar(0.0).float().mean();
        #[log(maximize, prog_bar, on_epoch)]
        let discriminator_acc = right / 2.0;
        let (yes, no) = (real.ones_like(), fake.zeros_like());
        #[log(minimize)]
        let discriminator_loss = bce_with_logits(real, yes) + bce_with_logits(fake, no);
        if discriminator_acc.into_scalar::<f64>() < 0.9 {
            let gradients = optimizers.backward(self, discriminator_loss)?;
            optimizers.step(Self::DISCRIMINATOR, self, gradients.clip_norm(1.0))?;
        } else {
            self.rested += 1;
        }

        // The discriminator only passes the gradient on: none of its own is computed.
        optimizers.toggled(Self::GENERATOR, self, |optimizers, module| {
            let fake = module.discriminate(module.sample(n, &device));
            let yes = fake.ones_like();
            let loss = bce_with_logits(fake, yes);
            log("generator_loss", &loss);
            let gradients = optimizers.backward(module, loss)?;
            optimizers.step(Self::GENERATOR, module, gradients.clip_norm(1.0))
        })?;
        optimizers.scheduler(Self::GENERATOR)?.step()
    }
}

#[data_module]
pub struct DigitPixels {
    /// Images in a batch.
    #[hparam(default = 64)]
    batch_size: usize,
}

#[data_module]
impl DigitPixels {
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::builder(digits()?)
            .batch_size(self.batch_size)
            .shuffle(true)
            .drop_last(true)
            .map(|(pixels, _label), _rng| pixels)
            .build()
    }
}

#[lightning_main]
fn main() -> Cli<SmallGan, DigitPixels> {
    Cli::<SmallGan, DigitPixels>::new()
        .about("Trains a generator of digits whose steps are written by hand.")
        .fit_by_default()
        .seed(42)
        .trainer(|trainer| {
            let trainer = trainer.max_epochs(100).callback(LearningRateMonitor::new());
            trainer.logger(CsvLogger::new("lightning_logs"))
        })
        .after_fit(|trainer, model, _data| {
            println!("the discriminator rested in {} batches", model.rested);
            grid::save(&model.samples, model.sample(64, trainer.device()), 8, 8)?;
            println!("a grid of samples is in {}", model.samples.display());
            Ok(())
        })
}
