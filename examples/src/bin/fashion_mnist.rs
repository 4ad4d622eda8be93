//! Classifies clothes: a small convolutional network with BatchNorm, trained on images with random
//! crops and flips.
//!
//! The data set is Fashion-MNIST (70,000 images of 28x28 pixels, MIT license,
//! zalandoresearch/fashion-mnist). Its four idx files are read from `--data.data_dir`.
#![deny(warnings)]

use std::path::PathBuf;

use burn::{nn::*, optim::AdamWConfig, prelude::*, tensor::activation::relu};
use lightning_core::{
    cli::{Cli, lightning_main},
    data::{Image, Subset, host},
    prelude::*,
};
use lightning_examples::data::mnist::{CLASSES, Part, fashion_mnist};

#[derive(Batch, Clone, Debug)]
pub struct ImageBatch {
    images: Tensor<4>,       // [batch, 1, 28, 28]
    targets: Tensor<1, Int>, // [batch]
}

#[lightning_module]
#[optimizer(AdamWConfig::new().with_weight_decay(1e-2),
    lr = OneCycle::new(lr, cx.estimated_optimizer_steps()?), interval = step)]
pub struct FashionCnn {
    #[init(conv::Conv2dConfig::new([1, width], [3, 3]).with_padding(PaddingConfig2d::Same).init(device))]
    conv1: conv::Conv2d,
    #[init(BatchNormConfig::new(width).init(device))]
    norm1: BatchNorm,
    #[init(conv::Conv2dConfig::new([width, 2 * width], [3, 3]).with_padding(PaddingConfig2d::Same).init(device))]
    conv2: conv::Conv2d,
    #[init(BatchNormConfig::new(2 * width).init(device))]
    norm2: BatchNorm,
    #[init(pool::MaxPool2dConfig::new([2, 2]).init())]
    pool: pool::MaxPool2d,
    #[init(LinearConfig::new(2 * width * 7 * 7, 128).init(device))]
    fc: Linear,
    #[init(DropoutConfig::new(dropout_rate).init())]
    dropout: Dropout,
    #[init(LinearConfig::new(128, CLASSES).init(device))]
    head: Linear,
    #[hparam(default = 16)]
    width: usize,
    #[hparam(default = 0.2)]
    dropout_rate: f64,
    #[hparam(default = 3e-3)]
    lr: f64,
}

#[lightning_module]
impl FashionCnn {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = self.pool.forward(relu(self.norm1.forward(self.conv1.forward(images)))); // [batch, width, 14, 14]
        let x = self.pool.forward(relu(self.norm2.forward(self.conv2.forward(x)))); // [batch, 2 width, 7, 7]
        let x = relu(self.fc.forward(x.flatten(1, 3)));
        self.head.forward(self.dropout.forward(x))
    }

    fn training_step(&self, batch: ImageBatch) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let train_loss = cross_entropy(self.forward(batch.images), batch.targets);
        train_loss
    }

    fn validation_step(&self, batch: ImageBatch) {
        let logits = self.forward(batch.images);
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&logits, &batch.targets);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.targets);
    }

    fn test_step(&self, batch: ImageBatch) {
        #[log(maximize)]
        let test_acc = accuracy(&self.forward(batch.images), &batch.targets);
    }
}

#[data_module]
pub struct FashionData {
    #[hparam]
    data_dir: PathBuf,
    #[hparam]
    batch_size: usize,
    #[hparam]
    seed: u64,
    #[state(skip)]
    parts: Vec<Subset<Part>>,
}

#[data_module]
impl FashionData {
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        let files = fashion_mnist(&self.data_dir)?;
        let [train, val] = random_split(files.train, [55_000, 5_000], self.seed)?;
        let all = (0..files.test.labels.len()).collect();
        self.parts = vec![train, val, Subset::new(files.test, all)?];
        Ok(())
    }

    fn train_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        DataLoader::builder(self.parts[0].clone())
            .batch_size(self.batch_size)
            .shuffle(true)
            .num_workers(2)
            .try_map(|(image, label): (Image, u8), rng| {
                Ok((image.random_crop(28, 2, rng)?.random_horizontal_flip(0.5, rng), label))
            })
            .collate(batch)
            .build()
    }

    fn val_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        self.plain(1)
    }

    fn test_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        self.plain(2)
    }
}

impl FashionData {
    fn plain(&self, part: usize) -> Result<DataLoader<ImageBatch>> {
        DataLoader::builder(self.parts[part].clone()).batch_size(4 * self.batch_size).collate(batch).build()
    }
}

fn batch(items: Vec<(Image, u8)>) -> Result<ImageBatch> {
    let mut pixels = Vec::with_capacity(items.len() * 28 * 28);
    for (image, _) in &items {
        // The mean and the standard deviation of the training images.
        pixels.extend(image.normalize(&[0.2860], &[0.3530])?.into_pixels());
    }
    let labels: Vec<i32> = items.iter().map(|(_, label)| i32::from(*label)).collect();
    Ok(ImageBatch {
        images: Tensor::from_data(TensorData::new(pixels, [items.len(), 1, 28, 28]), &host()),
        targets: Tensor::from_data(TensorData::new(labels, [items.len()]), &host()),
    })
}

#[lightning_main]
fn main() -> Cli<FashionCnn, FashionData> {
    Cli::<FashionCnn, FashionData>::new()
        .about("Trains and tests a classifier of clothes.")
        .fit_by_default()
        .seed(42)
        .data(FashionDataHparams::new("../shared/data/fashion-mnist".into(), 64, 42))
        .trainer(|trainer| {
            trainer
                .max_epochs(10)
                .callback(ModelCheckpoint::new(FashionCnn::VAL_ACC))
                .logger(CsvLogger::new("lightning_logs"))
        })
        .after_fit(|trainer, model, data| {
            trainer.load_best(model)?;
            println!("{}", trainer.test(model, data)?);
            Ok(())
        })
}
