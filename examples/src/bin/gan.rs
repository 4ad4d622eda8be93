//! A generative adversarial network for handwritten digits (Goodfellow et al., "Generative
//! Adversarial Nets", 2014): two networks, each with an optimizer and a step for every batch.
//!
//! The MNIST files are read from `--data-dir`, else `$MNIST_DIR`, else the cache folder. After
//! every epoch a grid of samples is written. At the end the classifier of the `mnist` example
//! evaluates 1000 samples.
#![deny(warnings)]

use std::path::PathBuf;

use burn::{
    module::Module, nn::*, optim::AdamConfig, prelude::*, tensor::Distribution, tensor::activation::leaky_relu,
};
use clap::Parser;
use lightning_core::{functional::bce_with_logits, prelude::*};
use lightning_examples::{
    classifier,
    data::mnist::{PIXELS, SIDE, locate, mnist, pixels},
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

/// Trains a generator of handwritten digits.
#[derive(Parser)]
struct Args {
    /// Maximum number of epochs.
    #[arg(long, default_value_t = 30)]
    epochs: usize,
    /// Images in a batch.
    #[arg(long, default_value_t = 128)]
    batch_size: usize,
    /// Seed of everything random.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Folder of the four idx .gz files.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// File for the grid of samples.
    #[arg(long, default_value = "lightning_logs/gan.png")]
    samples: PathBuf,
    /// Checkpoint of the `mnist` example; without one its classifier is trained for three epochs.
    #[arg(long)]
    classifier: Option<PathBuf>,
    /// Try everything on a few batches.
    #[arg(long)]
    fast_dev_run: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    seed_everything(args.seed);
    let data = DataLoader::builder(mnist(&locate(args.data_dir.clone())?)?.train)
        .batch_size(args.batch_size)
        .shuffle(true)
        .drop_last(true)
        .collate(pixels)
        .build()?;
    let mut model = Gan::new(GanHparams::default().with_samples(args.samples.clone()));
    let mut trainer = Gan::trainer().max_epochs(args.epochs);
    trainer = if args.fast_dev_run {
        trainer.fast_dev_run(3)
    } else {
        trainer.callback(ModelCheckpoint::latest()).logger(CsvLogger::new("lightning_logs"))
    };
    let mut trainer = trainer.build()?;
    println!("{}", trainer.fit(&mut model, data)?);
    println!("wrote a grid of samples to {}", args.samples.display());

    let classifier = classifier::trained(args.classifier, args.data_dir, args.fast_dev_run)?;
    let evaluation = classifier.evaluate(model.generator.sample(1000, trainer.device()))?;
    println!("the classifier on 1000 samples: {evaluation}");
    Ok(())
}
