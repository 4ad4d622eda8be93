//! The allocations of the trainer, and the growth of memory in long runs.
//!
//! Prints the allocations per step of the trainer and of a hand-written loop, and the growth of the
//! resident memory over many steps of a tiny module and over many calls of `fit`.
#![forbid(unsafe_code)]
#![allow(unreachable_pub, reason = "the shared files have public items")]

#[path = "../../bench/measure.rs"]
#[allow(dead_code, reason = "shared with the benchmark")]
mod measure;
#[path = "../../bench/tiny.rs"]
mod tiny;

use std::{alloc::System, error::Error};

use burn::{optim::GradientsParams, prelude::*};
use clap::Parser;
use lightning_core::{prelude::*, trainer::TrainerBuilder};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use tiny::{Tiny, TinyHparams, batches};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Measures the memory of the training loop.
#[derive(Parser)]
struct Args {
    /// Steps of the long run.
    #[arg(long, default_value_t = 200_000)]
    steps: u64,
    /// Runs in one process.
    #[arg(long, default_value_t = 200)]
    fits: usize,
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let Args { steps, fits } = Args::parse();
    seed_everything(1);
    allocations()?;
    let grown = tiny::growth_of_steps(steps, 10_000)?;
    println!("{steps} steps: resident memory grew by {grown:.2} MiB after step 10000");
    let grown = tiny::growth_of_fits(fits, 20)?;
    println!("{fits} fits: resident memory grew by {grown:.2} MiB after the 20th");
    Ok(())
}

/// The number of steps that are counted, and of warm-up steps before them.
const COUNTED: u64 = 1000;
const WARM_UP: u64 = 200;

fn allocations() -> std::result::Result<(), Box<dyn Error>> {
    let by_hand = by_hand()?;
    println!("allocations a step: {:.1} of {:.0} bytes by hand with Burn's optimizer", by_hand.0, by_hand.1);
    let quiet = || Tiny::trainer().no_logger().enable_checkpointing(false).enable_model_summary(false);
    for (what, trainer) in [
        ("with Burn's optimizer, quiet", quiet().enable_progress_bar(false).fused_optimizers(false)),
        ("with the fused one, quiet", quiet().enable_progress_bar(false)),
        ("with the fused one and a progress bar", quiet()),
    ] {
        let (count, bytes) = in_trainer(trainer)?;
        println!("allocations a step: {count:.1} of {bytes:.0} bytes by the trainer {what}");
    }
    Ok(())
}

/// Returns the allocations and bytes per step of a hand-written loop.
fn by_hand() -> std::result::Result<(f64, f64), Box<dyn Error>> {
    let mut model = Tiny::new(TinyHparams::default()).fork(&Device::default().autodiff()).train();
    let mut optimizer = tiny::config().init();
    let data = batches();
    let mut region = Region::new(ALLOCATOR);
    for step in 0..WARM_UP + COUNTED {
        if step == WARM_UP {
            region.reset();
        }
        let (x, y) = data[step as usize % data.len()].clone();
        let loss = model.loss((Batch::to_device(x, &Device::default().autodiff()), y));
        let _value: f32 = loss.clone().into_scalar();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(1e-3, model, gradients);
    }
    Ok(counted(&region))
}

fn counted(region: &Region<'_, System>) -> (f64, f64) {
    let change = region.change();
    let steps = COUNTED as f64;
    ((change.allocations + change.reallocations) as f64 / steps, change.bytes_allocated as f64 / steps)
}

/// Returns the allocations and bytes per step of the trainer.
fn in_trainer(trainer: TrainerBuilder<Tiny>) -> std::result::Result<(f64, f64), Box<dyn Error>> {
    struct Count {
        region: Region<'static, System>,
        sender: std::sync::mpsc::Sender<(f64, f64)>,
    }

    impl<M> Callback<M> for Count {
        fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
            match cx.batch_step() {
                WARM_UP => self.region.reset(),
                step if step == WARM_UP + COUNTED => {
                    self.sender.send(counted(&self.region)).map_err(|error| error.to_string())?;
                }
                _ => {}
            }
            Ok(())
        }
    }

    let (sender, receiver) = std::sync::mpsc::channel();
    let count = Count { region: Region::new(ALLOCATOR), sender };
    tiny::fit(trainer.callback(count), WARM_UP + COUNTED)?;
    Ok(receiver.recv()?)
}
