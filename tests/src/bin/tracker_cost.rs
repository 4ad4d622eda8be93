//! What a tracker costs a step of the benchmark's MLP: `tracker_cost [ROUNDS]`, which
//! `scripts/tracker_cost.sh` builds and runs.
//!
//! The time is that from the hundredth step to the last one of a run, so that opening and closing a run
//! is not part of it. The runs of a round, each with another tracker, follow each other, the first one
//! in turn; a ratio is that of two runs of one round.
#![forbid(unsafe_code)]

use std::{
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::{
    loggers::{MlflowLogger, TrackioLogger, WandbLogger},
    prelude::*,
    trainer::TrainerBuilder,
};

/// Images and their classes.
#[derive(Batch, Clone, Debug)]
pub struct Digits {
    images: Tensor<2>,
    targets: Tensor<1, Int>,
}

/// The MLP of the benchmark.
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-3)]
pub struct Mlp {
    #[init(LinearConfig::new(784, 128).init(device))]
    first: Linear,
    #[init(LinearConfig::new(128, 64).init(device))]
    second: Linear,
    #[init(LinearConfig::new(64, 10).init(device))]
    third: Linear,
}

#[lightning_module]
impl Mlp {
    fn training_step(&self, batch: Digits) -> Tensor<1> {
        let hidden = relu(self.second.forward(relu(self.first.forward(batch.images))));
        let logits = self.third.forward(hidden);
        #[log(minimize)]
        let train_loss = cross_entropy(logits, batch.targets);
        train_loss
    }
}

const BATCHES: u64 = 3000;
/// The steps before the measurement.
const WARM_UP: u64 = 100;
const TRACKERS: [&str; 5] = ["none again", "wandb", "mlflow", "trackio", "none"];

/// Notes the times of two steps.
#[derive(Clone, Default)]
struct Stopwatch(Arc<Mutex<Vec<Instant>>>);

impl<M> Callback<M> for Stopwatch {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if matches!(cx.batch_step(), WARM_UP | BATCHES) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        }
        Ok(())
    }
}

fn with_tracker(builder: TrainerBuilder<Mlp>, tracker: &str, address: &str) -> TrainerBuilder<Mlp> {
    match tracker {
        "wandb" => builder.logger(WandbLogger::new("cost")),
        "mlflow" => builder.logger(MlflowLogger::new(address, "cost").wait_at_end(Duration::ZERO)),
        "trackio" => builder.logger(TrackioLogger::new(address, "cost").wait_at_end(Duration::ZERO)),
        _ => builder,
    }
}

/// Seconds of a step.
fn step_time(tracker: &str, address: &str, every: u64) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    seed_everything(1);
    let device = Device::default();
    let images = Tensor::random([64, 784], burn::tensor::Distribution::Default, &device);
    let targets = Tensor::<1, Int>::arange(0..64, &device) % 10;
    let batches = vec![Digits { images, targets }; BATCHES as usize];
    let (mut model, watch) = (Mlp::new(MlpHparams::default()), Stopwatch::default());
    let builder = trainer(folder.path(), every).callback(watch.clone());
    let mut trainer = with_tracker(builder, tracker, address).build()?;
    trainer.fit(&mut model, DataLoader::from_batches(batches)?)?;
    let noted = watch.0.lock().unwrap_or_else(PoisonError::into_inner);
    let [first, last] = noted.as_slice() else { return Err("the run had other steps".into()) };
    Ok(last.duration_since(*first).as_secs_f64() / (BATCHES - WARM_UP) as f64)
}

fn trainer(folder: &Path, every: u64) -> TrainerBuilder<Mlp> {
    Mlp::trainer()
        .default_root_dir(folder)
        .max_epochs(1)
        .log_every_n_steps(every)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .enable_checkpointing(false)
        .logger(CsvLogger::new(folder))
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Result<()> {
    let rounds = match std::env::args().nth(1) {
        Some(text) => text.parse::<usize>()?,
        None => 15,
    };
    // Accepts, and never answers.
    let hanging = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", hanging.local_addr()?);
    for every in [50, 1] {
        let mut times = vec![Vec::new(); TRACKERS.len()];
        for round in 0..rounds {
            for turn in 0..TRACKERS.len() {
                let at = (round + turn) % TRACKERS.len();
                times[at].push(step_time(TRACKERS[at], &address, every)?);
            }
        }
        let (off, times) = times.split_last().ok_or("nothing was measured")?;
        println!("a row every {every} steps: {:.1} µs a step without a tracker", median(off) * 1e6);
        for (name, on) in TRACKERS.iter().zip(times) {
            let mut ratios: Vec<f64> = on.iter().zip(off).map(|(on, off)| on / off).collect();
            ratios.sort_by(f64::total_cmp);
            let quarter = |share: usize| ratios.get(ratios.len() * share / 4).copied().unwrap_or(f64::NAN);
            let (low, high) = (quarter(1), quarter(3));
            println!("  {name:10} {:.3} times as long, half of the rounds {low:.3} to {high:.3}", median(&ratios));
        }
    }
    Ok(())
}
