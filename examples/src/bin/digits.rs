//! Trains a small classifier on the UCI optical digits, which are part of the program.
#![deny(warnings)]

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::{data::Subset, prelude::*};
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
    #[init(LinearConfig::new(hidden, 10).init(device))]
    fc2: Linear,
    #[hparam(default = 256)]
    hidden: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl Digits {
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(relu(self.fc1.forward(images)))
    }
    fn training_step(&self, batch: DigitBatch) -> Tensor<1> {
        let logits = self.forward(batch.images);
        #[log(minimize, prog_bar)]
        let train_loss = cross_entropy(logits, batch.targets);
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

fn main() -> lightning_core::Result<()> {
    seed_everything(42);
    let mut data = DigitsData::new(DigitsDataHparams::default());
    let mut model = Digits::new(DigitsHparams::default().with_lr(3e-3));
    let mut trainer = Digits::trainer()
        .max_epochs(30)
        .callback(EarlyStopping::new(Digits::VAL_LOSS).patience(5))
        .callback(ModelCheckpoint::new(Digits::VAL_ACC).save_top_k(2))
        .log_every_n_steps(10)
        .build()?;
    println!("{}", trainer.fit(&mut model, &mut data)?);
    trainer.load_best(&mut model)?;
    println!("{}", trainer.test(&mut model, &mut data)?);
    Ok(())
}

// The data: 1,797 items `([f32; 64], u8)` in three parts. The loaders stack the items of a batch.
#[data_module]
pub struct DigitsData {
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
