//! A well-known tutorial's network on MNIST: 784-64-64-10 with BatchNorm and ReLU, Adam 1e-3, the best of ten epochs.
//!
//! The files are read from `--data-dir`, else `$MNIST_DIR`, else the cache folder.
#![deny(warnings)]

use std::{path::PathBuf, sync::Arc};

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use clap::Parser;
use lightning_core::{data::Subset, prelude::*};
use lightning_examples::data::mnist::{Part, locate, mnist};

#[derive(Batch, Clone, Debug)]
pub struct ImageBatch {
    images: Tensor<2>,       // [batch, 784]
    targets: Tensor<1, Int>, // [batch]
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = lr)]
pub struct Classifier {
    #[init(LinearConfig::new(784, hidden).init(device))]
    fc1: Linear,
    #[precision(f32)]
    #[init(BatchNormConfig::new(hidden).init(device))]
    norm1: BatchNorm,
    #[init(LinearConfig::new(hidden, hidden).init(device))]
    fc2: Linear,
    #[precision(f32)]
    #[init(BatchNormConfig::new(hidden).init(device))]
    norm2: BatchNorm,
    #[init(LinearConfig::new(hidden, 10).init(device))]
    head: Linear,
    #[hparam(default = 64)]
    hidden: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl Classifier {
    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        let x = relu(self.norm1.forward(self.fc1.forward(images)));
        let x = relu(self.norm2.forward(self.fc2.forward(x)));
        self.head.forward(x)
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
        let logits = self.forward(batch.images);
        #[log(maximize)]
        let test_acc = accuracy(&logits, &batch.targets);
        #[log(minimize)]
        let test_loss = cross_entropy(logits, batch.targets);
    }
}

#[data_module]
pub struct MnistData {
    #[hparam]
    data_dir: Option<PathBuf>,
    #[hparam]
    batch_size: usize,
    #[hparam]
    seed: u64,
    #[state(skip)]
    parts: Vec<(Arc<Part>, Subset<Vec<usize>>)>,
}

#[data_module]
impl MnistData {
    fn setup(&mut self, _stage: Stage) -> Result<()> {
        let files = mnist(&locate(self.data_dir.clone())?)?;
        let (train, test) = (Arc::new(files.train), Arc::new(files.test));
        let all = |part: &Part| (0..part.labels.len()).collect::<Vec<_>>();
        let [fit, val] = random_split(all(&train), [55_000, 5_000], self.seed)?;
        let tested = Subset::new(all(&test), all(&test))?;
        self.parts = vec![(train.clone(), fit), (train, val), (test, tested)];
        Ok(())
    }

    fn train_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        self.loader(0)
    }

    fn val_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        self.loader(1)
    }

    fn test_dataloader(&self) -> Result<DataLoader<ImageBatch>> {
        self.loader(2)
    }
}

impl MnistData {
    fn loader(&self, index: usize) -> Result<DataLoader<ImageBatch>> {
        let (part, indices) = self.parts.get(index).cloned().ok_or("`setup` has not run")?;
        DataLoader::builder(indices)
            .batch_size(self.batch_size)
            .shuffle(index == 0)
            .collate(move |indices: Vec<usize>| batch(&part, &indices))
            .build()
    }
}

fn batch(part: &Part, indices: &[usize]) -> Result<ImageBatch> {
    let device = Device::default();
    let mut pixels = Vec::with_capacity(indices.len() * 784);
    let mut labels = Vec::with_capacity(indices.len());
    for index in indices {
        pixels.extend(
            part.images.get(*index).ok_or("an index past the end")?.iter().map(|pixel| f32::from(*pixel) / 255.0),
        );
        labels.push(i32::from(part.labels[*index]));
    }
    Ok(ImageBatch {
        images: Tensor::from_data(TensorData::new(pixels, [indices.len(), 784]), &device),
        targets: Tensor::from_data(TensorData::new(labels, [indices.len()]), &device),
    })
}

/// Trains and tests a classifier of handwritten digits.
#[derive(Parser)]
struct Args {
    /// Epochs at most.
    #[arg(long, default_value_t = 10)]
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
    /// The float types to compute in: 32-true, 16-mixed, bf16-mixed, …
    #[arg(long, default_value = "32-true")]
    precision: String,
    /// Try everything on a few batches.
    #[arg(long)]
    fast_dev_run: bool,
}

fn main() -> lightning_core::Result<()> {
    let args = Args::parse();
    seed_everything(args.seed);
    let mut data = MnistData::new(MnistDataHparams::new(args.data_dir, args.batch_size, args.seed));
    let mut model = Classifier::new(ClassifierHparams::default());
    let mut trainer = Classifier::trainer().max_epochs(args.epochs).precision(args.precision.as_str());
    trainer = if args.fast_dev_run {
        trainer.fast_dev_run(3)
    } else {
        trainer
            .callback(EarlyStopping::new(Classifier::VAL_LOSS).patience(3))
            .callback(ModelCheckpoint::new(Classifier::VAL_ACC))
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
