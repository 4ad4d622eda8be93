//! Classifies MNIST in several processes: `mpirun -n 2 ddp_mnist`, `srun -n 2 ddp_mnist`, or
//! `ddp_mnist --devices 2`, which starts itself again under `mpirun`.
//!
//! Each process trains on every n-th batch, and all have the same weights at every step: those of
//! one process that accumulates n batches. The files are read as in `mnist`.
#![deny(warnings)]

use std::path::PathBuf;

use clap::Parser;
use lightning_core::{distributed::Ddp, prelude::*};
use lightning_examples::classifier::{Classifier, ClassifierHparams, MnistData, MnistDataHparams};

/// Trains and tests a classifier of handwritten digits in several processes.
#[derive(Parser)]
struct Args {
    /// Number of processes on this machine; that of the launcher by default.
    #[arg(long)]
    devices: Option<usize>,
    /// Number of machines.
    #[arg(long, default_value_t = 1)]
    num_nodes: usize,
    /// Maximum number of epochs.
    #[arg(long, default_value_t = 5)]
    epochs: usize,
    /// Images in a batch of one process.
    #[arg(long, default_value_t = 64)]
    batch_size: usize,
    /// Batches for each optimizer step and process.
    #[arg(long, default_value_t = 1)]
    accumulate: u64,
    /// Folder of the four idx .gz files.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Continue from the last checkpoint, if there is one.
    #[arg(long)]
    resume: bool,
    /// Try everything on a few batches.
    #[arg(long)]
    fast_dev_run: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    seed_everything(42);
    let mut data = MnistData::new(MnistDataHparams::new(args.data_dir, args.batch_size, 42));
    let mut model = Classifier::new(ClassifierHparams::default());
    let mut trainer = Classifier::trainer()
        .max_epochs(args.epochs)
        .accumulate_grad_batches(args.accumulate)
        .num_nodes(args.num_nodes)
        .strategy(Ddp::new())
        .deterministic(true);
    if let Some(devices) = args.devices {
        trainer = trainer.devices(devices);
    }
    if args.resume {
        trainer = trainer.resume_from(Resume::LastOrStart);
    }
    trainer = match args.fast_dev_run {
        true => trainer.fast_dev_run(3),
        false => trainer.callback(ModelCheckpoint::new(Classifier::VAL_ACC)),
    };
    let mut trainer = trainer.build()?;
    let report = trainer.fit(&mut model, &mut data)?;
    if !args.fast_dev_run {
        trainer.load_best(&mut model)?;
    }
    let test = trainer.test(&mut model, &mut data)?;
    if trainer.is_global_zero() {
        println!("{report}\n{test}");
    }
    Ok(())
}
