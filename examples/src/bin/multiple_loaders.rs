//! Several loaders: training reads a labelled and an unlabelled one side by side, validation and
//! test read three, each with values of its own.
//!
//! Of the embedded digits 100 have a label for training; the others only teach that a digit stays
//! what it is when it is moved or when noise falls on it. The three loaders of validation are the
//! digits as they are, with noise, and moved by one pixel.
#![deny(warnings)]

use burn::{
    nn::*,
    optim::AdamConfig,
    prelude::*,
    tensor::activation::{relu, softmax},
};
use lightning_core::{
    Rng,
    cli::{Cli, lightning_main},
    data::{Combined, Subset},
    prelude::*,
};
use lightning_examples::data::digits::{CLASSES, Digit, PIXELS, digits};

#[derive(Batch, Clone, Debug)]
pub struct DigitBatch {
    images: Tensor<2>,       // [batch, 64]
    targets: Tensor<1, Int>, // [batch]
}

/// Digits as they are and changed: pairs of images, of which no label is known.
#[derive(Batch, Clone, Debug)]
pub struct PairBatch {
    plain: Tensor<2>,   // [batch, 64]
    changed: Tensor<2>, // [batch, 64]
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Semi {
    #[init(LinearConfig::new(PIXELS, 256).init(device))]
    fc1: Linear,
    #[init(DropoutConfig::new(0.2).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(256, CLASSES.into()).init(device))]
    fc2: Linear,
    /// How much the unlabelled images count.
    #[hparam(default = 10.0)]
    weight: f64,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl Semi {
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(self.dropout.forward(relu(self.fc1.forward(images))))
    }

    fn training_step(&self, (labelled, pairs): (DigitBatch, PairBatch)) -> Tensor<1> {
        #[log(minimize)]
        let labelled_loss = cross_entropy(self.forward(labelled.images), labelled.targets);
        let plain = softmax(self.forward(pairs.plain), 1).detach();
        #[log(minimize)]
        let consistency_loss = mse_loss(softmax(self.forward(pairs.changed), 1), plain);
        #[log(minimize, prog_bar)]
        let train_loss = labelled_loss + consistency_loss * self.weight;
        train_loss
    }

    // Called for every batch of every loader; each loader has a mean of its own: `val_acc/clean`,
    // `val_acc/noisy`, `val_acc/moved`.
    fn validation_step(&self, batch: DigitBatch) {
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&self.forward(batch.images), &batch.targets);
    }

    fn test_step(&self, batch: DigitBatch) {
        #[log(maximize)]
        let test_acc = accuracy(&self.forward(batch.images), &batch.targets);
    }
}

/// Noise of a third of the range on every pixel.
fn noisy((mut pixels, label): Digit, rng: &mut Rng) -> Digit {
    for pixel in &mut pixels {
        *pixel = (*pixel + 0.33 * rng.normal() as f32).clamp(0.0, 1.0);
    }
    (pixels, label)
}

/// Moved by one pixel to the left or right, white coming in.
fn moved((mut pixels, label): Digit, rng: &mut Rng) -> Digit {
    let left = rng.uniform() < 0.5;
    for row in pixels.chunks_mut(8) {
        if left {
            row.rotate_left(1)
        } else {
            row.rotate_right(1)
        }
        row[if left { 7 } else { 0 }] = 0.0;
    }
    (pixels, label)
}

#[data_module]
pub struct SeveralLoaders {
    #[hparam]
    batch_size: usize,
    #[hparam]
    seed: u64,
    /// Labelled, unlabelled, for validation, for test.
    #[state(skip)]
    parts: Vec<Subset<Vec<Digit>>>,
}

#[data_module]
impl SeveralLoaders {
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        self.parts = random_split(digits()?, [100, 1097, 300, 300], self.seed)?.into();
        Ok(())
    }

    /// As long as the longer loader; the labelled one is read again and again.
    fn train_dataloader(&self) -> Result<DataLoader<(DigitBatch, PairBatch)>> {
        let [labelled, unlabelled] = [0, 1].map(|part| self.parts[part].clone());
        let labelled = DataLoader::builder(labelled).batch_size(self.batch_size).shuffle(true).build()?;
        let pair = |digit: Digit, rng: &mut Rng| {
            let (changed, _) = moved(noisy(digit, rng), rng);
            (digit.0, changed)
        };
        let unlabelled = DataLoader::builder(unlabelled).batch_size(self.batch_size).shuffle(true).map(pair).build()?;
        Ok(Combined::max_size_cycle((labelled, unlabelled)))
    }

    fn val_dataloader(&self) -> Result<[(&'static str, DataLoader<DigitBatch>); 3]> {
        self.three(2)
    }

    fn test_dataloader(&self) -> Result<[(&'static str, DataLoader<DigitBatch>); 3]> {
        self.three(3)
    }
}

impl SeveralLoaders {
    fn three(&self, part: usize) -> Result<[(&'static str, DataLoader<DigitBatch>); 3]> {
        let builder = || DataLoader::builder(self.parts[part].clone()).batch_size(300);
        Ok([
            ("clean", builder().build()?),
            ("noisy", builder().map(noisy).build()?),
            ("moved", builder().map(moved).build()?),
        ])
    }
}

#[lightning_main]
fn main() -> Cli<Semi, SeveralLoaders> {
    // One of the three: without `.loader(…)` it would be an error that names them.
    let moved = || Semi::VAL_ACC.loader("moved");
    Cli::<Semi, SeveralLoaders>::new()
        .about("Trains a classifier with few labels on several loaders; the data is part of the program.")
        .fit_by_default()
        .seed(42)
        .data(SeveralLoadersHparams::new(50, 42))
        .trainer(move |trainer| {
            trainer
                .max_epochs(60)
                .callback(ModelCheckpoint::new(moved()))
                .callback(EarlyStopping::new(moved()).patience(20))
                .logger(CsvLogger::new("lightning_logs"))
        })
        .after_fit(|trainer, model, data| {
            trainer.load_best(model)?;
            println!("{}", trainer.test(model, data)?);
            Ok(())
        })
}
