//! How long saving ten million parameters and the optimizer's state of them holds up training: `cargo run --release -p lightning-tests --bin
//! save_delay`.
//!
//! The wide MLP of the benchmark, 784-3072-2500-10 with AdamW at batch size 64, is trained with and without a checkpoint in the middle. What the
//! steps from the checkpoint on take beyond their median is the delay.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use burn::{nn::*, optim::AdamWConfig, prelude::*, tensor::Distribution, tensor::activation::relu};
use lightning_core::prelude::*;

const STEPS: u64 = 40;
const SAVED_AFTER: u64 = 15;

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

/// When each batch ended.
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

fn steps(folder: Option<&std::path::Path>) -> Result<Vec<Duration>> {
    seed_everything(1);
    let clock = Clock::default();
    let mut builder = Wide::trainer()
        .max_steps(STEPS)
        .no_logger()
        .enable_progress_bar(false)
        .enable_model_summary(false)
        .callback(clock.clone());
    builder = match folder {
        Some(folder) => builder.callback(ModelCheckpoint::latest().every_n_train_steps(SAVED_AFTER).dirpath(folder)),
        None => builder.enable_checkpointing(false),
    };
    let device = Device::default();
    let batch = Images {
        x: Tensor::random([64, 784], Distribution::Default, &device),
        y: Tensor::from_data(TensorData::new((0..64).map(|at| at % 10).collect::<Vec<i32>>(), [64]), &device),
    };
    let mut model = Wide::new(WideHparams::default());
    builder.build()?.fit(&mut model, vec![batch; STEPS as usize])?;
    let ends = clock.0.lock().map(|ends| ends.clone()).unwrap_or_default();
    Ok(ends.windows(2).filter_map(|pair| Some(*pair.get(1)? - *pair.first()?)).collect())
}

fn median(steps: &[Duration]) -> Duration {
    let mut sorted = steps.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    steps(None)?;
    let undisturbed = steps(None)?;
    let saving = steps(Some(folder.path()))?;
    let step = median(&undisturbed);
    // The second checkpoint is due at the thirtieth step: both are in the sum.
    let sum = |steps: &[Duration]| steps.iter().skip(5).sum::<Duration>();
    let (without, with) = (sum(&undisturbed), sum(&saving));
    let delay = with.saturating_sub(without) / 2;
    let size: u64 = std::fs::read_dir(folder.path())?
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .map(|file| file.len())
        .sum();
    let longest = saving.iter().skip(5).max().copied().unwrap_or_default();
    println!("a step takes {step:.1?}; the checkpoint has {:.0} MB", size as f64 / 1e6);
    println!(
        "one checkpoint delays the loop by {delay:.1?}, {:.2} steps; the longest step took {longest:.1?}",
        delay.as_secs_f64() / step.as_secs_f64()
    );
    Ok(())
}
