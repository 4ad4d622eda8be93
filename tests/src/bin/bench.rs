//! The cost of the trainer, as a ratio to a hand-written loop on the same machine at the same time.
//!
//! Without a subcommand, the trainer and the hand-written loop take turns of a few steps in one
//! process, with the same allocator and the same features of Burn. `run` times one program alone
//! and prints a line of JSON, and `table` computes ratios from such lines; `scripts/bench.sh` calls
//! both for programs that cannot share a process.
#![forbid(unsafe_code)]
#![allow(unreachable_pub, reason = "the shared files have public items")]

#[path = "../../bench/hand.rs"]
mod hand;
#[path = "../../bench/measure.rs"]
mod measure;
#[path = "../../bench/table.rs"]
mod table;
#[path = "../../bench/trainer.rs"]
mod trainer;
#[path = "../../bench/turns.rs"]
mod turns;
#[path = "../../bench/workloads.rs"]
mod workloads;

use std::{error::Error, path::PathBuf, time::Instant};

use burn::tensor::Device;
use clap::{Parser, Subcommand};
use lightning_core::{
    seed_everything,
    settings::{Accelerator, IntoAccelerator},
};

use hand::Hand;
use measure::{Run, Stopwatch};
use trainer::{CnnModule, MlpModule, NormMlpModule, Trained, TransformerModule, WideModule, alone, logging};
use workloads::Workload;

/// Times the trainer and a hand-written loop.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Workloads: mlp, batchnorm, cnn, transformer, wide. All by default.
    #[arg(long)]
    workload: Vec<String>,
    /// The device: cpu, or an accelerator whose feature is enabled.
    #[arg(long, default_value = "cpu", global = true)]
    device: String,
    /// Epochs in which the two loops take turns.
    #[arg(long, default_value_t = 3)]
    epochs: usize,
}

#[derive(Subcommand)]
enum Command {
    /// Times one program alone.
    Run {
        /// trainer, trainer-burn-optimizers, trainer-plain (without fused optimizers and allocator
        /// settings), or hand; trainer-no-checkpoints and hand-no-checkpoints save nothing.
        #[arg(long)]
        program: String,
        #[arg(long)]
        workload: String,
        /// The file to append the line to.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Prints the ratios of the runs in a file.
    Table {
        file: PathBuf,
        /// The program to compare the others with.
        #[arg(long, default_value = "trainer")]
        ours: String,
    },
}

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Calls a generic function with the module type of a workload.
macro_rules! for_workload {
    ($name:expr, $function:ident($($argument:expr),*)) => {
        match $name {
            "mlp" => $function::<MlpModule>($($argument),*),
            "batchnorm" => $function::<NormMlpModule>($($argument),*),
            "cnn" => $function::<CnnModule>($($argument),*),
            "transformer" => $function::<TransformerModule>($($argument),*),
            "wide" => $function::<WideModule>($($argument),*),
            other => Err(format!("unknown workload `{other}`; available: {}", WORKLOADS.join(", ")).into()),
        }
    };
}

const WORKLOADS: [&str; 5] = ["mlp", "batchnorm", "cnn", "transformer", "wide"];

fn main() -> Outcome<()> {
    let args = Args::parse();
    seed_everything(1);
    let accelerator = args.device.as_str().into_accelerator()?;
    let probe = MlpModule::trainer().accelerator(accelerator).tune_allocator(false).no_logger();
    let device = probe.enable_checkpointing(false).build()?.device().clone();
    match args.command {
        Some(Command::Run { program, workload, out }) => {
            let run = for_workload!(workload.as_str(), run(&program, accelerator, &device))?;
            run.report(out.as_deref())
        }
        Some(Command::Table { file, ours }) => table::print(&file, &ours),
        None => {
            let named = if args.workload.is_empty() { WORKLOADS.map(str::to_owned).to_vec() } else { args.workload };
            let mut rows = Vec::new();
            for workload in &named {
                rows.extend(for_workload!(workload.as_str(), turns(args.epochs, accelerator, &device))?);
            }
            println!("{}", turns::table(&rows));
            Ok(())
        }
    }
}

fn turns<M: Trained>(epochs: usize, accelerator: Accelerator, device: &Device) -> Outcome<Vec<turns::Row>> {
    turns::take::<M>(epochs, accelerator, device)
}

fn run<M: Trained>(program: &str, accelerator: Accelerator, device: &Device) -> Outcome<Run> {
    let folder = tempfile::tempdir()?;
    let settings = logging::<M>(folder.path()).accelerator(accelerator);
    let with = concat!("lightning-core ", env!("CARGO_PKG_VERSION"), ", Burn 0.22.1");
    let settings = match program {
        "trainer" => settings,
        "trainer-burn-optimizers" => settings.fused_optimizers(false),
        "trainer-plain" => settings.fused_optimizers(false).tune_allocator(false),
        "trainer-no-checkpoints" => settings.enable_checkpointing(false),
        "hand" | "hand-no-checkpoints" => return by_hand::<M::Workload>(program, device, folder.path(), with),
        other => return Err(format!("unknown program `{other}`; `bench run --help` lists them").into()),
    };
    Ok(alone(program, settings, device, with)?)
}

fn by_hand<W: Workload>(program: &str, device: &Device, folder: &std::path::Path, with: &str) -> Outcome<Run> {
    const EPOCHS: usize = 3;
    let start = Instant::now();
    let mut hand = Hand::<W>::new(device, folder)?;
    let mut watch = Stopwatch::default();
    for _ in 0..EPOCHS {
        watch.start();
        for _ in 0..W::STEPS {
            hand.step()?;
            watch.step();
        }
        if program == "hand" {
            hand.save(folder)?;
        }
    }
    Ok(Run::new(program, W::NAME, &watch, EPOCHS * W::STEPS, start.elapsed(), with))
}
