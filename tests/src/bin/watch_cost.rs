//! What watching a run costs: the MLP of the benchmark, 784-128-64-10 with Adam at batch size 64,
//! with everything that records a run against nothing of it: `target/release/watch_cost`.
//!
//! Both are trained in turn in one process, on an otherwise idle machine. Prints the median time of a
//! step of each, and the median of the ratios of the rounds.

#[path = "../../bench/workloads.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the benchmark")]
mod workloads;

use std::{path::Path, time::Instant};

use burn::{optim::AdamConfig, prelude::*};
use clap::Parser;
use lightning_core::{
    callbacks::{DeviceStatsMonitor, HistogramMonitor, LearningRateMonitor},
    prelude::*,
    trainer::TrainerBuilder,
};

use self::workloads::{Mlp, Workload};

/// Measures what watching a run costs.
#[derive(Parser)]
struct Args {
    /// How often each is trained.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Steps of an epoch.
    #[arg(long, default_value_t = 2000)]
    steps: usize,
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-3)]
struct Net {
    #[init(Mlp::build(device))]
    net: Mlp,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: <Mlp as Workload>::Batch) -> Tensor<1> {
        #[log(minimize, prog_bar)]
        let train_loss = self.net.loss(batch);
        train_loss
    }
}

fn everything(folder: &Path) -> TrainerBuilder<Net> {
    Net::trainer()
        .default_root_dir(folder)
        .callback(DeviceStatsMonitor::new())
        .callback(LearningRateMonitor::new())
        .callback(HistogramMonitor::new().every_n_steps(200))
        .profiler("simple")
}

fn nothing() -> TrainerBuilder<Net> {
    Net::trainer().no_logger().enable_progress_bar(false).enable_model_summary(false)
}

/// Microseconds for a step.
fn train(builder: TrainerBuilder<Net>, data: &DataLoader<<Mlp as Workload>::Batch>, steps: usize) -> Result<f64> {
    let mut model = Net::new(NetHparams::default());
    // Both save no checkpoints, which cost the same.
    let mut trainer = builder.enable_checkpointing(false).max_epochs(2).build()?;
    let start = Instant::now();
    trainer.fit(&mut model, data.clone())?;
    Ok(start.elapsed().as_secs_f64() * 1e6 / (2 * steps) as f64)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let Args { rounds, steps } = Args::parse();
    seed_everything(1);
    let batches = Mlp::batches(&Device::default());
    let data = DataLoader::from_batches(batches.iter().cycle().take(steps).cloned().collect())?;
    let folder = tempfile::tempdir()?;
    train(nothing(), &data, steps)?;
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        on.push(train(everything(folder.path()), &data, steps)?);
        off.push(train(nothing(), &data, steps)?);
    }
    let ratios = on.iter().zip(&off).map(|(on, off)| on / off).collect();
    println!(
        "a step with everything {:.1} us, with nothing {:.1} us: {:.3}",
        median(on.clone()),
        median(off.clone()),
        median(ratios)
    );
    Ok(())
}
