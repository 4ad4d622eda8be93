//! A Wasserstein GAN with gradient penalty for handwritten digits (Gulrajani et al., "Improved
//! Training of Wasserstein GANs", 2017): the critic takes a step on every batch, the generator on
//! every fifth.
//!
//! The MNIST files are read from `--data.data_dir`, else `$MNIST_DIR`, else the cache folder. After
//! every epoch a grid of samples is written. At the end the classifier of the `mnist` example
//! evaluates 1000 samples.
#![deny(warnings)]

use std::path::PathBuf;

use burn::{module::Module, nn::*, optim::AdamConfig, prelude::*, tensor::Distribution, tensor::activation::silu};
use lightning_core::{
    cli::{Cli, lightning_main},
    prelude::*,
};
use lightning_examples::{
    classifier,
    data::mnist::{PIXELS, PixelData, PixelDataHparams, SIDE},
    generator::Generator,
    grid,
};

/// A function of images whose gradient the penalty keeps near 1. As `grad::gradient_penalty`
/// requires, its activations are smooth and it treats the images of a batch independently.
#[derive(Module, Debug)]
pub struct Critic {
    fc1: Linear,
    fc2: Linear,
    head: Linear,
}

impl Critic {
    fn new(hidden: usize, device: &Device) -> Self {
        Self {
            fc1: LinearConfig::new(PIXELS, 2 * hidden).init(device),
            fc2: LinearConfig::new(2 * hidden, hidden).init(device),
            head: LinearConfig::new(hidden, 1).init(device),
        }
    }

    /// `[batch, 784]` to `[batch, 1]`.
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.head.forward(silu(self.fc2.forward(silu(self.fc1.forward(images)))))
    }
}

#[lightning_module]
pub struct Wgan {
    #[optimizer(AdamConfig::torch_defaults().with_beta_1(0.0).with_beta_2(0.9), lr = lr)]
    #[init(Critic::new(hidden, device))]
    critic: Critic,
    #[optimizer(AdamConfig::torch_defaults().with_beta_1(0.0).with_beta_2(0.9), lr = lr)]
    #[init(Generator::new(latent, hidden, device))]
    generator: Generator,
    /// The noise of the grid, the same in every epoch.
    #[buffer(Tensor::random([64, latent], Distribution::Normal(0.0, 1.0), device))]
    fixed_noise: Tensor<2>,
    #[hparam(default = 64)]
    latent: usize,
    #[hparam(default = 256)]
    hidden: usize,
    /// The weight of the penalty.
    #[hparam(default = 10.0)]
    lambda: f64,
    #[hparam(default = 3e-4)]
    lr: f64,
    /// The file for the grid of samples.
    #[hparam(default = PathBuf::from("lightning_logs/wgan_gp.png"))]
    samples: PathBuf,
}

#[lightning_module]
impl Wgan {
    #[training_step(optimizer = critic)]
    fn critic_step(&self, real: Tensor<2>) -> Tensor<1> {
        let fake = self.generator.sample(real.dims()[0], &real.device()).detach();
        let mix = grad::interpolate(&real, &fake);
        #[log(minimize)]
        let penalty = grad::gradient_penalty(&self.critic, mix, 1.0, |critic, x| critic.forward(x));
        // An estimate of the Wasserstein distance between generated and real images.
        #[log(minimize, prog_bar)]
        let distance = self.critic.forward(real).mean() - self.critic.forward(fake).mean();
        penalty * self.lambda - distance
    }

    #[training_step(optimizer = generator, every = 5)]
    fn generator_step(&self, real: Tensor<2>) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let generator_loss = self.critic.forward(self.generator.sample(real.dims()[0], &real.device())).mean().neg();
        generator_loss
    }

    fn on_train_epoch_end(&mut self) -> Result<()> {
        // `valid()`, because in training mode BatchNorm would learn from the grid.
        let images = self.generator.valid().forward(self.fixed_noise.clone());
        grid::save(&self.samples, images, SIDE, 8)
    }
}

#[lightning_main]
fn main() -> Cli<Wgan, PixelData> {
    Cli::<Wgan, PixelData>::new()
        .about("Trains a generator of handwritten digits against a critic with a gradient penalty.")
        .fit_by_default()
        .seed(42)
        .data(PixelDataHparams::default().with_batch_size(64))
        .trainer(|trainer| {
            let trainer = trainer.max_epochs(8).callback(ModelCheckpoint::latest());
            trainer.logger(CsvLogger::new("lightning_logs"))
        })
        .after_fit(|trainer, model, data| {
            println!("wrote a grid of samples to {}", model.samples.display());
            // A `fast_dev_run` has written no checkpoint.
            let tries = trainer.best_checkpoint().is_none();
            let classifier = classifier::trained(data.classifier.clone(), data.data_dir.clone(), tries)?;
            let evaluation = classifier.evaluate(model.generator.sample(1000, trainer.device()))?;
            println!("the classifier on 1000 samples: {evaluation}");
            Ok(())
        })
}
