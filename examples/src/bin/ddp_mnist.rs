//! Classifies MNIST in several processes: `mpirun -n 2 ddp_mnist`, `srun -n 2 ddp_mnist`, or
//! `ddp_mnist --trainer.devices 2`, which starts itself again under `mpirun`.
//!
//! Each process trains on every n-th batch, and all have the same weights at every step: those of
//! one process that accumulates n batches. The files are read as in `mnist`. `--ckpt auto` continues from
//! the last checkpoint, if there is one.
#![deny(warnings)]

use lightning_core::{
    cli::{Cli, lightning_main},
    distributed::Ddp,
    prelude::*,
};
use lightning_examples::classifier::{Classifier, MnistData, MnistDataHparams};

#[lightning_main]
fn main() -> Cli<Classifier, MnistData> {
    Cli::<Classifier, MnistData>::new()
        .about("Trains and tests a classifier of handwritten digits in several processes.")
        .fit_by_default()
        .seed(42)
        .data(MnistDataHparams::new(None, 64, 42))
        .trainer(|trainer| {
            trainer
                .max_epochs(5)
                .strategy(Ddp::new())
                .deterministic(true)
                .callback(ModelCheckpoint::new(Classifier::VAL_ACC))
        })
        .after_fit(|trainer, model, data| {
            trainer.load_best(model)?;
            let test = trainer.test(model, data)?;
            if trainer.is_global_zero() {
                println!("{test}");
            }
            Ok(())
        })
}
