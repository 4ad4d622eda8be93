//! What a tracker costs a step of the benchmark's MLP: `tracker_cost [ROUNDS]`, which
//! `scripts/tracker_cost.sh` builds and runs.
//!
//! The time is that from the hundredth step to the last one of a run, so that opening and closing a run
//! is not part of it. The runs of a round, each with another tracker, follow each other, the first one
//! in turn; a ratio is that of two runs of one round. Beside it is the time that the training thread and
//! all threads had a core, on Linux: other programs of the machine change it less.
#![forbid(unsafe_code)]

use std::{
    fs,
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

/// Seconds: of the clock, and that the training thread and all threads of the process had a core.
#[derive(Clone, Copy, Debug)]
struct Times([f64; 3]);

impl Times {
    fn now(start: Instant) -> Self {
        let thread = cores(Path::new("/proc/thread-self"));
        let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        Self([start.elapsed().as_secs_f64(), thread, threads.map(|thread| cores(&thread.path())).sum()])
    }

    /// The times of one step.
    fn per_step(self, first: Self) -> Self {
        let mut times = self.0;
        for (time, first) in times.iter_mut().zip(first.0) {
            *time = (*time - first) / (BATCHES - WARM_UP) as f64;
        }
        Self(times)
    }
}

/// The seconds that a thread had a core; NaN where the system does not say so. Source: "schedstat" of
/// proc(5), whose first number is nanoseconds.
fn cores(thread: &Path) -> f64 {
    let text = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    text.split_whitespace().next().and_then(|text| text.parse::<f64>().ok()).map_or(f64::NAN, |time| time * 1e-9)
}

/// Notes the times of two steps.
#[derive(Clone)]
struct Stopwatch(Instant, Arc<Mutex<Vec<Times>>>);

impl<M> Callback<M> for Stopwatch {
    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if matches!(cx.batch_step(), WARM_UP | BATCHES) {
            self.1.lock().unwrap_or_else(PoisonError::into_inner).push(Times::now(self.0));
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

fn step_time(tracker: &str, address: &str, every: u64) -> Result<Times> {
    let folder = tempfile::tempdir()?;
    seed_everything(1);
    let device = Device::default();
    let images = Tensor::random([64, 784], burn::tensor::Distribution::Default, &device);
    let targets = Tensor::<1, Int>::arange(0..64, &device) % 10;
    let batches = vec![Digits { images, targets }; BATCHES as usize];
    let (mut model, watch) = (Mlp::new(MlpHparams::default()), Stopwatch(Instant::now(), Arc::default()));
    let builder = trainer(folder.path(), every).callback(watch.clone());
    let mut trainer = with_tracker(builder, tracker, address).build()?;
    trainer.fit(&mut model, DataLoader::from_batches(batches)?)?;
    let noted = watch.1.lock().unwrap_or_else(PoisonError::into_inner);
    let [first, last] = noted.as_slice() else { return Err("the run had other steps".into()) };
    Ok(last.per_step(*first))
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

fn median(mut values: Vec<f64>) -> f64 {
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
        let mut times: Vec<Vec<Times>> = vec![Vec::new(); TRACKERS.len()];
        for round in 0..rounds {
            for turn in 0..TRACKERS.len() {
                let at = (round + turn) % TRACKERS.len();
                times[at].push(step_time(TRACKERS[at], &address, every)?);
            }
        }
        let (off, times) = times.split_last().ok_or("nothing was measured")?;
        let of = |kind: usize| median(off.iter().map(|times| times.0[kind] * 1e6).collect());
        println!(
            "a row every {every} steps: {:.1} µs a step without a tracker, {:.1} µs of the training thread on a core, {:.1} µs of all",
            of(0),
            of(1),
            of(2)
        );
        for (name, on) in TRACKERS.iter().zip(times) {
            let ratios = |kind: usize| on.iter().zip(off).map(move |(on, off)| on.0[kind] / off.0[kind]).collect();
            let [clock, thread, all] = [0, 1, 2].map(|kind| median(ratios(kind)));
            println!("  {name:10} {clock:.3} times as long, {thread:.3} of the training thread, {all:.3} of all");
        }
    }
    Ok(())
}
