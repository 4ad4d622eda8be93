//! A Wasserstein GAN with gradient penalty for handwritten digits (Gulrajani et al., "Improved
//! Training of Wasserstein GANs", 2017): the critic takes a step on every batch, the generator on
//! every fifth.
//!
//! The MNIST files are read from `--data-dir`, else `$MNIST_DIR`, else the cache folder. After
//! every epoch a grid of samples is written. At the end the classifier of the `mnist` example
//! evaluates 1000 samples.
#![deny(warnings)]

use std::path::PathBuf;

use burn::{module::Module, nn::*, optim::AdamConfig, prelude::*, tensor::Distribution, tensor::activation::silu};
use clap::Parser;
use lightning_core::prelude::*;
use lightning_examples::{
    classifier,
    data::mnist::{PIXELS, SIDE, locate, mnist, pixels},
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

/// Trains a generator of handwritten digits against a critic with a gradient penalty.
#[derive(Parser)]
struct Args {
    /// Maximum number of epochs.
    #[arg(long, default_value_t = 8)]
    epochs: usize,
    /// Images in a batch.
    #[arg(long, default_value_t = 64)]
    batch_size: usize,
    /// Seed of everything random.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Folder of the four idx .gz files.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// File for the grid of samples.
    #[arg(long, default_value = "lightning_logs/wgan_gp.png")]
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
    let mut model = Wgan::new(WganHparams::default().with_samples(args.samples.clone()));
    let mut trainer = Wgan::trainer().max_epochs(args.epochs);
    trainer = if args.fast_dev_run {
        trainer.fast_dev_run(5)
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
