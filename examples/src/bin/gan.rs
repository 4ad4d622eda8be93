//! A generative adversarial network for handwritten digits (Goodfellow et al., "Generative
//! Adversarial Nets", 2014): two networks, each with an optimizer and a step for every batch.
//!
//! The MNIST files are read from `--data.data_dir`, else `$MNIST_DIR`, else the cache folder. After
//! every epoch a grid of samples is written. At the end the classifier of the `mnist` example
//! evaluates 1000 samples.
#![deny(warnings)]

use std::path::PathBuf;

use burn::{
    module::Module, nn::*, optim::AdamConfig, prelude::*, tensor::Distribution, tensor::activation::leaky_relu,
};
use lightning_core::{
    cli::{Cli, lightning_main},
    functional::bce_with_logits,
    prelude::*,
};
use lightning_examples::{
    classifier,
    data::mnist::{PIXELS, PixelData, PixelDataHparams, SIDE},
    generator::Generator,
    grid,
};

/// Computes the logit that an image is real.
#[derive(Module, Debug)]
pub struct Discriminator {
    fc1: Linear,
    fc2: Linear,
    head: Linear,
    dropout: Dropout,
}

impl Discriminator {
    fn new(hidden: usize, device: &Device) -> Self {
        Self {
            fc1: LinearConfig::new(PIXELS, 2 * hidden).init(device),
            fc2: LinearConfig::new(2 * hidden, hidden).init(device),
            head: LinearConfig::new(hidden, 1).init(device),
            dropout: DropoutConfig::new(0.3).init(),
        }
    }

    /// `[batch, 784]` to `[batch, 1]`.
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        let x = self.dropout.forward(leaky_relu(self.fc1.forward(images), 0.2));
        let x = self.dropout.forward(leaky_relu(self.fc2.forward(x), 0.2));
        self.head.forward(x)
    }
}

#[lightning_module]
pub struct Gan {
    #[optimizer(AdamConfig::torch_defaults().with_beta_1(0.5), lr = lr)]
    #[init(Discriminator::new(hidden, device))]
    discriminator: Discriminator,
    #[optimizer(AdamConfig::torch_defaults().with_beta_1(0.5), lr = lr)]
    #[init(Generator::new(latent, hidden, device))]
    generator: Generator,
    /// The noise of the grid, the same in every epoch.
    #[buffer(Tensor::random([64, latent], Distribution::Normal(0.0, 1.0), device))]
    fixed_noise: Tensor<2>,
    #[hparam(default = 64)]
    latent: usize,
    #[hparam(default = 256)]
    hidden: usize,
    #[hparam(default = 2e-4)]
    lr: f64,
    /// The file for the grid of samples.
    #[hparam(default = PathBuf::from("lightning_logs/gan.png"))]
    samples: PathBuf,
}

#[lightning_module]
impl Gan {
    /// Generates images from noise, `[batch, latent]` to `[batch, 784]`: what `to_onnx` exports.
    fn forward(&self, noise: Tensor<2>) -> Tensor<2> {
        self.generator.forward(noise)
    }

    #[training_step(optimizer = discriminator)]
    fn discriminator_step(&self, real: Tensor<2>) -> Tensor<1> {
        let fake = self.generator.sample(real.dims()[0], &real.device()).detach();
        let (real, fake) = (self.discriminator.forward(real), self.discriminator.forward(fake));
        // One-sided label smoothing (Salimans et al., "Improved Techniques for Training GANs",
        // 2016).
        let (ones, zeros) = (real.full_like(0.9), fake.zeros_like());
        #[log(minimize, prog_bar)]
        let discriminator_loss = bce_with_logits(real, ones) + bce_with_logits(fake, zeros);
        discriminator_loss
    }

    #[training_step(optimizer = generator)]
    fn generator_step(&self, real: Tensor<2>) -> Tensor<1> {
        let fake = self.discriminator.forward(self.generator.sample(real.dims()[0], &real.device()));
        let ones = fake.ones_like();
        #[log(minimize, prog_bar)]
        let generator_loss = bce_with_logits(fake, ones);
        generator_loss
    }

    fn on_train_epoch_end(&mut self) -> Result<()> {
        // `valid()`, because in training mode BatchNorm would learn from the grid.
        let images = self.generator.valid().forward(self.fixed_noise.clone());
        grid::save(&self.samples, images, SIDE, 8)
    }
}

#[lightning_main]
fn main() -> Cli<Gan, PixelData> {
    Cli::<Gan, PixelData>::new()
        .about("Trains a generator of handwritten digits.")
        .fit_by_default()
        .seed(42)
        .data(PixelDataHparams::default().with_batch_size(128))
        .trainer(|trainer| {
            let trainer = trainer.max_epochs(30).callback(ModelCheckpoint::latest());
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
