//! The digits of `digits` as a program that others start: subcommands, flags, configuration files.
//!
//! ```sh
//! cargo run --release --bin cli -- fit --model.lr 1e-3 --trainer.max_epochs 5
//! cargo run --release --bin cli -- test --ckpt best
//! cargo run --release --bin cli -- tune --trials 10 --trainer.max_epochs 8
//! cargo run --release --bin cli -- fit --help
//! ```
#![deny(warnings)]

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::{
    cli::{Cli, lightning_main},
    data::Subset,
    prelude::*,
};
use lightning_examples::data::digits::{Digit, digits};

#[derive(Batch, Clone, Debug)]
pub struct DigitBatch {
    images: Tensor<2>,       // [batch, 64]
    targets: Tensor<1, Int>, // [batch]
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Digits {
    #[init(LinearConfig::new(64, hidden).init(device))]
    fc1: Linear,
    #[init(DropoutConfig::new(dropout).init())]
    drop: Dropout,
    #[init(LinearConfig::new(hidden, 10).init(device))]
    fc2: Linear,
    /// Units between the two layers.
    #[hparam(default = 256, search = choice(64, 128, 256, 512))]
    hidden: usize,
    /// Share of the units that are zero in training.
    #[hparam(default = 0.0, search = uniform(0.0..0.5))]
    dropout: f64,
    /// Learning rate of Adam.
    #[hparam(default = 3e-3, search = log(1e-4..1e-1))]
    lr: f64,
}

#[lightning_module]
impl Digits {
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(self.drop.forward(relu(self.fc1.forward(images))))
    }
    fn training_step(&self, batch: DigitBatch) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let train_loss = cross_entropy(self.forward(batch.images), batch.targets);
        train_loss
    }
    fn validation_step(&self, batch: DigitBatch) {
        let logits = self.forward(batch.images);
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&logits, &batch.targets);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.targets);
    }
    fn test_step(&self, batch: DigitBatch) {
        #[log(maximize)]
        let test_acc = accuracy(&self.forward(batch.images), &batch.targets);
    }
}

/// The values that are written here are the first layer of the configuration.
#[lightning_main]
fn main() -> Cli<Digits, DigitsData> {
    Cli::new()
        .about("Classifies handwritten digits of 8 by 8 pixels.")
        .seed(42)
        .trainer(|trainer| trainer.max_epochs(30).callback(ModelCheckpoint::new(Digits::VAL_ACC)).log_every_n_steps(10))
}

#[data_module]
pub struct DigitsData {
    /// Images in a batch.
    #[hparam(default = 64)]
    batch_size: usize,
    #[state(skip)]
    parts: Vec<Subset<Vec<Digit>>>,
}

#[data_module]
impl DigitsData {
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        self.parts = random_split(digits()?, [0.8, 0.1, 0.1], 0)?.into();
        Ok(())
    }
    fn train_dataloader(&self) -> Result<DataLoader<DigitBatch>> {
        DataLoader::builder(self.parts[0].clone()).batch_size(self.batch_size).shuffle(true).build()
    }
    fn val_dataloader(&self) -> Result<DataLoader<DigitBatch>> {
        DataLoader::builder(self.parts[1].clone()).batch_size(self.batch_size).build()
    }
    fn test_dataloader(&self) -> Result<DataLoader<DigitBatch>> {
        DataLoader::builder(self.parts[2].clone()).batch_size(self.batch_size).build()
    }
}
