//! Several loaders: training combines a labeled and an unlabeled one, validation and test use
//! three, each with its own metric values.
//!
//! Of the embedded digits, 100 are labeled in training. The others contribute a consistency loss:
//! the prediction must not change when a digit is shifted and gets noise. The three validation
//! loaders hold the digits unchanged, with noise, and shifted by one pixel.
#![deny(warnings)]

use burn::{
    nn::*,
    optim::AdamConfig,
    prelude::*,
    tensor::activation::{relu, softmax},
};
use clap::Parser;
use lightning_core::{
    Rng,
    data::{Combined, Subset},
    prelude::*,
};
use lightning_examples::data::digits::{CLASSES, Digit, PIXELS, digits};

#[derive(Batch, Clone, Debug)]
pub struct DigitBatch {
    images: Tensor<2>,       // [batch, 64]
    targets: Tensor<1, Int>, // [batch]
}

/// Unlabeled digits, unchanged and changed.
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
    /// The weight of the consistency loss.
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

    fn training_step(&self, (labeled, pairs): (DigitBatch, PairBatch)) -> Tensor<1> {
        #[log(minimize)]
        let labeled_loss = cross_entropy(self.forward(labeled.images), labeled.targets);
        let plain = softmax(self.forward(pairs.plain), 1).detach();
        #[log(minimize)]
        let consistency_loss = mse_loss(softmax(self.forward(pairs.changed), 1), plain);
        #[log(minimize, prog_bar)]
        let train_loss = labeled_loss + consistency_loss * self.weight;
        train_loss
    }

    // Called for every batch of every loader. Each loader has its own mean: `val_acc/clean`,
    // `val_acc/noisy`, `val_acc/shifted`.
    fn validation_step(&self, batch: DigitBatch) {
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&self.forward(batch.images), &batch.targets);
    }

    fn test_step(&self, batch: DigitBatch) {
        #[log(maximize)]
        let test_acc = accuracy(&self.forward(batch.images), &batch.targets);
    }
}

/// Adds Gaussian noise to every pixel, with a standard deviation of a third of the range.
fn noisy(mut digit: Digit, rng: &mut Rng) -> Digit {
    for pixel in &mut digit.pixels {
        *pixel = (*pixel + 0.33 * rng.normal() as f32).clamp(0.0, 1.0);
    }
    digit
}

/// Shifts a digit by one pixel to the left or right. The new pixels are background.
fn shifted(mut digit: Digit, rng: &mut Rng) -> Digit {
    let left = rng.uniform() < 0.5;
    for row in digit.pixels.chunks_mut(8) {
        if left {
            row.rotate_left(1)
        } else {
            row.rotate_right(1)
        }
        row[if left { 7 } else { 0 }] = 0.0;
    }
    digit
}

fn images(digits: &[Digit]) -> Tensor<2> {
    let pixels: Vec<f32> = digits.iter().flat_map(|digit| digit.pixels).collect();
    Tensor::from_data(TensorData::new(pixels, [digits.len(), PIXELS]), &Device::default())
}

fn batch(digits: Vec<Digit>) -> Result<DigitBatch> {
    let labels: Vec<i32> = digits.iter().map(|digit| i32::from(digit.label)).collect();
    let targets = Tensor::from_data(TensorData::new(labels, [digits.len()]), &Device::default());
    Ok(DigitBatch { images: images(&digits), targets })
}

fn pairs(pairs: Vec<(Digit, Digit)>) -> Result<PairBatch> {
    let (plain, changed): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    Ok(PairBatch { plain: images(&plain), changed: images(&changed) })
}

#[data_module]
pub struct SeveralLoaders {
    #[hparam]
    batch_size: usize,
    #[hparam]
    seed: u64,
    /// Labeled, unlabeled, validation, test.
    #[state(skip)]
    parts: Vec<Subset<Vec<Digit>>>,
}

#[data_module]
impl SeveralLoaders {
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        self.parts = random_split(digits()?, [100, 1097, 300, 300], self.seed)?.into();
        Ok(())
    }

    /// An epoch is as long as the longer loader; the labeled one is cycled.
    fn train_dataloader(&self) -> Result<DataLoader<(DigitBatch, PairBatch)>> {
        let [labeled, unlabeled] = [0, 1].map(|part| self.parts[part].clone());
        let labeled = DataLoader::builder(labeled).batch_size(self.batch_size).shuffle(true).collate(batch).build()?;
        let change = |digit, rng: &mut Rng| {
            let changed = shifted(noisy(digit, rng), rng);
            (digit, changed)
        };
        let unlabeled = DataLoader::builder(unlabeled)
            .batch_size(self.batch_size)
            .shuffle(true)
            .map(change)
            .collate(pairs)
            .build()?;
        Ok(Combined::max_size_cycle((labeled, unlabeled)))
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
            ("clean", builder().collate(batch).build()?),
            ("noisy", builder().map(noisy).collate(batch).build()?),
            ("shifted", builder().map(shifted).collate(batch).build()?),
        ])
    }
}

/// Trains a classifier on few labels with several loaders; the data is part of the program.
#[derive(Parser)]
struct Args {
    /// Maximum number of epochs.
    #[arg(long, default_value_t = 60)]
    epochs: usize,
    /// Images in a batch of each training loader.
    #[arg(long, default_value_t = 50)]
    batch_size: usize,
    /// Weight of the consistency loss; 0 trains on labeled images only.
    #[arg(long, default_value_t = 10.0)]
    weight: f64,
    /// Seed of everything random.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Try everything on a few batches.
    #[arg(long)]
    fast_dev_run: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    seed_everything(args.seed);
    let mut data = SeveralLoaders::new(SeveralLoadersHparams::new(args.batch_size, args.seed));
    let mut model = Semi::new(SemiHparams::default().with_weight(args.weight));
    let mut trainer = Semi::trainer().max_epochs(args.epochs);
    trainer = if args.fast_dev_run {
        trainer.fast_dev_run(2)
    } else {
        // With several loaders a monitored metric must name one with `.loader(…)`.
        trainer
            .callback(ModelCheckpoint::new(Semi::VAL_ACC.loader("shifted")))
            .callback(EarlyStopping::new(Semi::VAL_ACC.loader("shifted")).patience(20))
            .logger(CsvLogger::new("lightning_logs"))
    };
    let mut trainer = trainer.build()?;
    println!("{}", trainer.fit(&mut model, &mut data)?);
    if !args.fast_dev_run {
        trainer.load_best(&mut model)?;
    }
    println!("{}", trainer.test(&mut model, &mut data)?);
    Ok(())
}
