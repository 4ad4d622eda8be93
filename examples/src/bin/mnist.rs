//! Classifies MNIST: layers of 784-64-64-10 units with BatchNorm and ReLU, Adam with a learning
//! rate of 1e-3, the best of ten epochs.
//!
//! The files are read from `--data.data_dir`, else `$MNIST_DIR`, else the cache folder.
#![deny(warnings)]

use lightning_core::{
    cli::{Cli, lightning_main},
    prelude::*,
};
use lightning_examples::classifier::{Classifier, MnistData, MnistDataHparams};

#[lightning_main]
fn main() -> Cli<Classifier, MnistData> {
    Cli::<Classifier, MnistData>::new()
        .about("Trains and tests a classifier of handwritten digits.")
        .fit_by_default()
        .seed(42)
        .data(MnistDataHparams::new(None, 64, 42))
        .trainer(|trainer| {
            trainer
                .max_epochs(10)
                .callback(EarlyStopping::new(Classifier::VAL_LOSS).patience(3))
                .callback(ModelCheckpoint::new(Classifier::VAL_ACC))
                .logger(CsvLogger::new("lightning_logs"))
        })
        .after_fit(|trainer, model, data| {
            trainer.load_best(model)?;
            println!("{}", trainer.test(model, data)?);
            Ok(())
        })
}
