//! Classifies MNIST: layers of 784-64-64-10 units with BatchNorm and ReLU, Adam with a learning
//! rate of 1e-3, the best of ten epochs.
//!
//! The files are read from `--data-dir`, else `$MNIST_DIR`, else the cache folder.
#![deny(warnings)]

use std::path::PathBuf;

use clap::Parser;
use lightning_core::prelude::*;
use lightning_examples::classifier::{Classifier, ClassifierHparams, MnistData, MnistDataHparams};

/// Trains and tests a classifier of handwritten digits.
#[derive(Parser)]
struct Args {
    /// Maximum number of epochs.
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
    /// Float types of the computation: 32-true, 16-mixed, bf16-mixed, …
    #[arg(long, default_value = "32-true")]
    precision: String,
    /// Try everything on a few batches.
    #[arg(long)]
    fast_dev_run: bool,
}

fn main() -> Result<()> {
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
