//! What a tracker costs a step of the benchmark's MLP. Runs with `TRACKER_COST`, the number of rounds:
//! `scripts/tracker_cost.sh`.

use std::{net::TcpListener, path::Path, time::Instant};

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::{
    loggers::{Logger, MlflowLogger, TrackioLogger, WandbLogger},
    prelude::*,
};

#[derive(Batch, Clone, Debug)]
pub struct Digits {
    images: Tensor<2>,
    targets: Tensor<1, Int>,
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-3)]
struct Mlp {
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

const BATCHES: usize = 1000;

/// Seconds for a step.
fn step_time(folder: &Path, tracker: Option<Box<dyn FnOnce() -> Box<dyn Logger>>>, every: u64) -> f64 {
    seed_everything(1);
    let device = Device::default();
    let images = Tensor::random([64, 784], burn::tensor::Distribution::Default, &device);
    let targets = Tensor::<1, Int>::arange(0..64, &device) % 10;
    let batches = vec![Digits { images, targets }; BATCHES];
    let mut model = Mlp::new(MlpHparams::default());
    let mut builder = Mlp::trainer()
        .default_root_dir(folder)
        .max_epochs(1)
        .log_every_n_steps(every)
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .enable_checkpointing(false)
        .report(false)
        .logger(CsvLogger::new(folder));
    if let Some(tracker) = tracker {
        builder = builder.logger(Boxed(tracker()));
    }
    let mut trainer = builder.build().unwrap();
    let started = Instant::now();
    trainer.fit(&mut model, DataLoader::from_batches(batches).unwrap()).unwrap();
    started.elapsed().as_secs_f64() / BATCHES as f64
}

/// A logger behind a pointer.
struct Boxed(Box<dyn Logger>);

impl Logger for Boxed {
    fn log_metrics(&mut self, record: &loggers::Record) -> Result<()> {
        self.0.log_metrics(record)
    }
    fn start_beside(&mut self, folder: Option<&Path>) -> Result<()> {
        self.0.start_beside(folder)
    }
    fn log_hyperparams(&mut self, hparams: &serde_json::Value) -> Result<()> {
        self.0.log_hyperparams(hparams)
    }
    fn save(&mut self) -> Result<()> {
        self.0.save()
    }
    fn finalize(&mut self, status: loggers::RunStatus) -> Result<()> {
        self.0.finalize(status)
    }
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[test]
fn the_cost_of_a_tracker() {
    let Some(rounds) = std::env::var("TRACKER_COST").ok().and_then(|text| text.parse::<usize>().ok()) else { return };
    // Accepts, and never answers.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", hanging.local_addr().unwrap());
    let make = |name: &str| -> Option<Box<dyn FnOnce() -> Box<dyn Logger>>> {
        let address = address.clone();
        let none = std::time::Duration::ZERO;
        match name {
            "wandb" => Some(Box::new(|| Box::new(WandbLogger::new("cost")))),
            "mlflow" => Some(Box::new(move || Box::new(MlflowLogger::new(address, "cost").wait_at_end(none)))),
            "trackio" => Some(Box::new(move || Box::new(TrackioLogger::new(address, "cost").wait_at_end(none)))),
            _ => None,
        }
    };
    let names = ["none", "wandb", "mlflow", "trackio"];
    for every in [50, 1] {
        let mut times = vec![Vec::new(); names.len()];
        for _ in 0..rounds {
            for (name, times) in names.iter().zip(&mut times) {
                let folder = tempfile::tempdir().unwrap();
                times.push(step_time(folder.path(), make(name), every));
            }
        }
        let median = |times: &[f64]| {
            let mut times = times.to_vec();
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let off = median(&times[0]);
        println!("a row every {every} steps: {:.1} µs a step without a tracker", off * 1e6);
        for (name, on) in names.iter().zip(&times).skip(1) {
            // Of each round, so that a machine that becomes slower does not count.
            let ratios: Vec<f64> = on.iter().zip(&times[0]).map(|(on, off)| on / off).collect();
            println!("  {name}: {:.3} times as long", median(&ratios));
        }
    }
}
