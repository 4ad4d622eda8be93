//! How long saving a checkpoint delays training, with ten million parameters and their optimizer
//! state: `target/release/save_delay`.
//!
//! Trains the wide MLP of the benchmark, 784-3072-2500-10 with AdamW at batch size 64, with a
//! checkpoint every 40 steps. The delay is the time of the steps after a checkpoint beyond the mean
//! time of the later steps in the same run.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use burn::{nn::*, optim::AdamWConfig, prelude::*, tensor::Distribution, tensor::activation::relu};
use lightning_core::prelude::*;

/// Steps from one checkpoint to the next, and how many of them a checkpoint may delay.
const EVERY: usize = 40;
const DELAYED: usize = 20;
const CHECKPOINTS: usize = 5;
/// Steps of the run, with equally many after each checkpoint.
const STEPS: usize = EVERY * CHECKPOINTS + EVERY - 1;

#[derive(Batch, Clone, Debug)]
struct Images {
    x: Tensor<2>,
    y: Tensor<1, Int>,
}

#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = 1e-3)]
struct Wide {
    #[init(LinearConfig::new(784, 3072).init(device))]
    fc1: Linear,
    #[init(LinearConfig::new(3072, 2500).init(device))]
    fc2: Linear,
    #[init(LinearConfig::new(2500, 10).init(device))]
    fc3: Linear,
}

#[lightning_module]
impl Wide {
    fn training_step(&self, batch: Images) -> Tensor<1> {
        let x = relu(self.fc2.forward(relu(self.fc1.forward(batch.x))));
        cross_entropy(self.fc3.forward(x), batch.y)
    }
}

/// Records the time at which each batch starts.
#[derive(Clone, Default)]
struct Clock(Arc<Mutex<Vec<Instant>>>);

impl<M> Callback<M> for Clock {
    fn on_train_batch_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        if let Ok(mut ends) = self.0.lock() {
            ends.push(Instant::now());
        }
        Ok(())
    }
}

fn steps(folder: &std::path::Path) -> Result<Vec<Duration>> {
    seed_everything(1);
    let clock = Clock::default();
    let builder = Wide::trainer()
        .max_steps(STEPS as u64)
        .no_logger()
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .callback(clock.clone())
        .callback(ModelCheckpoint::latest().every(callbacks::Steps(EVERY as u64)).dirpath(folder));
    let device = Device::default();
    let batch = Images {
        x: Tensor::random([64, 784], Distribution::Default, &device),
        y: Tensor::from_data(TensorData::new((0..64).map(|at| at % 10).collect::<Vec<i32>>(), [64]), &device),
    };
    let mut model = Wide::new(WideHparams::default());
    builder.build()?.fit(&mut model, vec![batch; STEPS])?;
    let ends = clock.0.lock().map(|ends| ends.clone()).unwrap_or_default();
    Ok(ends.windows(2).filter_map(|pair| Some(*pair.get(1)? - *pair.first()?)).collect())
}

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let steps: Vec<f64> = steps(folder.path())?.iter().map(|step| step.as_secs_f64() * 1e3).collect();
    // A checkpoint is written between the end of its step and the start of the next, so it is part
    // of the time of its step. The mean excludes the first steps and those right after a
    // checkpoint.
    let (mut quiet, mut delayed) = (steps.get(10..EVERY - 1).unwrap_or_default().to_vec(), Vec::new());
    for checkpoint in 1..=CHECKPOINTS {
        let at = EVERY * checkpoint - 1;
        delayed.push(steps.get(at..at + DELAYED).unwrap_or_default());
        quiet.extend(steps.get(at + DELAYED..at + EVERY - 1).unwrap_or_default());
    }
    let step = quiet.iter().sum::<f64>() / quiet.len() as f64;
    let mut delays: Vec<f64> =
        delayed.iter().map(|steps| steps.iter().map(|taken| taken - step).sum::<f64>() / step).collect();
    println!("a step takes {step:.1} ms; steps from a checkpoint on:");
    for steps in &delayed {
        println!("  {}", steps.iter().map(|step| format!("{step:.0}")).collect::<Vec<_>>().join(" "));
    }
    println!("delays, in steps: {}", delays.iter().map(|delay| format!("{delay:.2}")).collect::<Vec<_>>().join(", "));
    delays.sort_by(f64::total_cmp);
    let size: u64 = std::fs::read_dir(folder.path())?
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .map(|file| file.len())
        .sum();
    let median = delays.get(CHECKPOINTS / 2).copied().unwrap_or(f64::NAN);
    println!("a checkpoint of {:.0} MB delays the loop by {median:.2} steps (median)", size as f64 / 1e6);
    Ok(())
}
