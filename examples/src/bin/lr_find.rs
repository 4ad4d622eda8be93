//! Finds a learning rate and a batch size, and trains a classifier of handwritten digits with them.
//!
//! The curve of the learning rates is drawn in `lr_find.svg`. A program with a command line has the
//! same as subcommands: `cli find-lr --plot lr.svg` and `cli find-batch-size`.
#![deny(warnings)]

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::{
    data::Subset,
    prelude::*,
    trainer::{BatchSizeSearch, LrRange},
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
    #[init(LinearConfig::new(64, 256).init(device))]
    fc1: Linear,
    #[init(LinearConfig::new(256, 10).init(device))]
    fc2: Linear,
    #[hparam(default = 1e-5)]
    lr: f64,
}

#[lightning_module]
impl Digits {
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(relu(self.fc1.forward(images)))
    }
    fn training_step(&self, batch: DigitBatch) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let train_loss = cross_entropy(self.forward(batch.images), batch.targets);
        train_loss
    }
    fn validation_step(&self, batch: DigitBatch) {
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&self.forward(batch.images), &batch.targets);
    }
}

fn main() -> Result<()> {
    seed_everything(42);
    let mut data = DigitsData::new(DigitsDataHparams::default());
    let mut model = Digits::new(DigitsHparams::default());
    let mut trainer = Digits::trainer().max_epochs(5).no_logger().enable_checkpointing(false).build()?;

    // The module, the trainer and the next random numbers are as before.
    let rates = trainer.find_lr_in(&model, &mut data, LrRange::exponential(1e-5, 1.0))?;
    println!("{rates}");
    rates.save_plot("lr_find.svg")?;
    model.lr = rates.suggestion().ok_or("no learning rate was found")?;

    // At most 64: small data is learned in few steps otherwise.
    let sizes = trainer.find_batch_size_by(&model, &data, BatchSizeSearch::new().max_trials(6))?;
    println!("{sizes}");
    data = DigitsData::new(DigitsDataHparams::default().with_batch_size(sizes.suggestion()));

    println!("{}", trainer.fit(&mut model, &mut data)?);
    Ok(())
}

#[data_module]
pub struct DigitsData {
    #[hparam(default = 16)]
    batch_size: usize,
    #[state(skip)]
    parts: Vec<Subset<Vec<Digit>>>,
}

#[data_module]
impl DigitsData {
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        self.parts = random_split(digits()?, [0.8, 0.2], 0)?.into();
        Ok(())
    }
    fn train_dataloader(&self) -> Result<DataLoader<DigitBatch>> {
        DataLoader::builder(self.parts[0].clone()).batch_size(self.batch_size).shuffle(true).build()
    }
    fn val_dataloader(&self) -> Result<DataLoader<DigitBatch>> {
        DataLoader::builder(self.parts[1].clone()).batch_size(self.batch_size).build()
    }
}
