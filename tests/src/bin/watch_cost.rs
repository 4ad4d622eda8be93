//! What watching a run costs: the MLP of the benchmark, 784-128-64-10 with Adam at batch size 64,
//! with everything that records a run against nothing of it: `target/release/watch_cost`.
//!
//! Each part alone and all of them are trained in turn in one process, on an otherwise idle machine.
//! Prints the least time of a step, its ratio to the least time without anything, and the median of
//! the ratios of the rounds.

#[path = "../../bench/workloads.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the benchmark")]
mod workloads;

use std::{path::Path, time::Instant};

use burn::{optim::AdamConfig, prelude::*};
use clap::Parser;
use lightning_core::{
    callbacks::{DeviceStatsMonitor, HistogramMonitor, LearningRateMonitor},
    loggers::TensorBoardLogger,
    prelude::*,
    trainer::TrainerBuilder,
};

use self::workloads::{Mlp, Workload};

/// Measures what watching a run costs.
#[derive(Parser)]
struct Args {
    /// How often each is trained.
    #[arg(long, default_value_t = 25)]
    rounds: usize,
    /// Steps of an epoch.
    #[arg(long, default_value_t = 400)]
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

/// What records a run, each alone, then all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Nothing,
    Csv,
    TensorBoard,
    Report,
    ProgressBar,
    DeviceStats,
    LearningRate,
    Histograms,
    Profiler,
    Everything,
}

const PARTS: [Part; 10] = [
    Part::Nothing,
    Part::Csv,
    Part::TensorBoard,
    Part::Report,
    Part::ProgressBar,
    Part::DeviceStats,
    Part::LearningRate,
    Part::Histograms,
    Part::Profiler,
    Part::Everything,
];

impl Part {
    fn builder(self, folder: &Path) -> TrainerBuilder<Net> {
        let has = |part| self == part || self == Part::Everything;
        let mut builder = Net::trainer()
            .default_root_dir(folder)
            .enable_progress_bar(has(Part::ProgressBar))
            .enable_model_summary(false)
            .report(has(Part::Report));
        let monitors = has(Part::DeviceStats) || has(Part::LearningRate) || has(Part::Histograms);
        // Monitors and reports need a logger; alone they have the cheapest one.
        builder = match (has(Part::Csv) || has(Part::Report) || monitors, has(Part::TensorBoard)) {
            (true, true) => builder.logger(CsvLogger::new(folder)).logger(TensorBoardLogger::new(folder)),
            (true, false) => builder.logger(CsvLogger::new(folder)),
            (false, true) => builder.logger(TensorBoardLogger::new(folder)),
            (false, false) => builder.no_logger(),
        };
        if has(Part::DeviceStats) {
            builder = builder.callback(DeviceStatsMonitor::new());
        }
        if has(Part::LearningRate) {
            builder = builder.callback(LearningRateMonitor::new());
        }
        if has(Part::Histograms) {
            builder = builder.callback(HistogramMonitor::new().every_n_steps(200));
        }
        if has(Part::Profiler) {
            builder = builder.profiler("simple");
        }
        builder
    }
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
    train(Part::Nothing.builder(folder.path()), &data, steps)?;
    let mut times = vec![Vec::new(); PARTS.len()];
    for _ in 0..rounds {
        for (times, part) in times.iter_mut().zip(PARTS) {
            times.push(train(part.builder(folder.path()), &data, steps)?);
        }
    }
    let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    println!("{:<13} {:>10} {:>7} {:>7}", "", "us a step", "least", "median");
    for (own, part) in times.iter().zip(PARTS) {
        let ratios = own.iter().zip(&times[0]).map(|(own, nothing)| own / nothing).collect();
        let (fastest, name) = (least(own), format!("{part:?}"));
        println!("{name:<13} {fastest:10.1} {:7.3} {:7.3}", fastest / least(&times[0]), median(ratios));
    }
    Ok(())
}
