//! Trains small models in one process or in several, and prints the bits of the weights: what the
//! tests of data-parallel training compare.
//!
//! `ddp --accumulate 2` and `mpirun -n 2 ddp` print the same.

mod layers;
mod models;
mod schedule;

use std::{alloc::System, path::PathBuf};

use clap::Parser;
use lightning_core::prelude::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The number of bytes that are in use.
fn live_bytes() -> isize {
    let stats = MEMORY.stats();
    stats.bytes_allocated as isize - stats.bytes_deallocated as isize
}

/// Trains a model.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// `mlp`, `two`, `manual`, `norm`, `sync`, `wide`.
    #[arg(long, default_value = "mlp")]
    model: String,
    #[arg(long, default_value_t = 3)]
    epochs: usize,
    #[arg(long, default_value_t = 1)]
    accumulate: u64,
    /// The setting `devices`.
    #[arg(long)]
    devices: Option<usize>,
    /// The setting `num_nodes`.
    #[arg(long, default_value_t = 1)]
    num_nodes: usize,
    /// Items of the dataset.
    #[arg(long, default_value_t = 96)]
    items: usize,
    /// The batch size of the models `manual` and `sync`.
    #[arg(long, default_value_t = 4)]
    batch_size: usize,
    #[arg(long)]
    clip: Option<f64>,
    #[arg(long, default_value = "32-true")]
    precision: String,
    /// The folder of the run.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Logs into the folder, and saves no checkpoint.
    #[arg(long)]
    logs_only: bool,
    /// Continues from the last checkpoint of the folder, if there is one.
    #[arg(long)]
    resume: bool,
    #[arg(long)]
    save_every: Option<u64>,
    /// What rank 1 does at batch `--at` of epoch 1: `none`, `stop`, `break`, `usr1`, `term`,
    /// `error`, `panic`, `exit`, `inf`, `sigstop`, `fill`.
    #[arg(long)]
    event: Option<String>,
    #[arg(long, default_value_t = 2)]
    at: usize,
    /// The training batch of the event, counted over all ranks, in place of `--at` and `--rank`.
    #[arg(long)]
    micro_batch: Option<u64>,
    /// Which rank has the event.
    #[arg(long, default_value_t = 1)]
    rank: usize,
    /// The file by which the event `fill` takes all that is left of a disk.
    #[arg(long)]
    fill: Option<PathBuf>,
    /// Milliseconds of each step.
    #[arg(long, default_value_t = 0)]
    sleep: u64,
    /// Divides the optimizer states among the processes.
    #[arg(long)]
    shard: bool,
    /// Sums gradients during the backward pass.
    #[arg(long)]
    overlap: bool,
    /// Seconds of the timeout of an exchange.
    #[arg(long, default_value_t = 60)]
    timeout: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    seed_everything(7);
    models::run(&args)
}

/// The settings that all models share.
macro_rules! settings {
    ($net:ty, $args:expr) => {{
        let args: &$crate::Args = $args;
        let mut builder = <$net>::trainer()
            .max_epochs(args.epochs)
            .accumulate_grad_batches(args.accumulate)
            .num_nodes(args.num_nodes)
            .precision(args.precision.as_str())
            .deterministic(true)
            .enable_model_summary(false)
            .log_every_n_steps(1)
            .strategy(
                lightning_core::distributed::Ddp::new()
                    .timeout(std::time::Duration::from_secs(args.timeout))
                    .shard_optimizer(args.shard)
                    .overlap(args.overlap),
            );
        if let Some(devices) = args.devices {
            builder = builder.devices(devices);
        }
        if let Some(limit) = args.clip {
            builder = builder.gradient_clip_val(limit);
        }
        builder = match &args.folder {
            Some(folder) => builder.default_root_dir(folder),
            None => builder.no_logger().enable_checkpointing(false),
        };
        if args.logs_only {
            builder = builder.enable_checkpointing(false);
        }
        if let Some(every) = args.save_every {
            builder = builder.callback(ModelCheckpoint::latest().every_n_train_steps(every).save_last(true));
        }
        if args.resume {
            builder = builder.resume_from(lightning_core::Resume::LastOrStart);
        }
        builder
    }};
}
pub(crate) use settings;
