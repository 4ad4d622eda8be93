//! The speed of the loader, as lines of a name and a number, which `scripts/bench_loader.sh`
//! compares with torch.
//!
//! `bench_loader <folder> rates` times batches of MNIST, and `bench_loader <folder> overlap`
//! measures how well loading overlaps with steps. Without a mode it does both. Times are the best
//! of several epochs, since other load on the machine can only increase them.
#![forbid(unsafe_code)]

use std::{
    env,
    path::Path,
    time::{Duration, Instant},
};

use burn::tensor::{Int, Tensor};
use lightning_core::{
    DataLoader, Result,
    data::{Dataset, EpochOffset, Rows, Zip, idx},
};

const BATCH: usize = 64;
const EPOCHS: u64 = 7;
/// The mean and the standard deviation of MNIST's pixels.
const MEAN: f32 = 0.1307;
const DEVIATION: f32 = 0.3081;

type Batch = (Tensor<2>, Tensor<1, Int>);

fn main() -> Result<()> {
    let folder = env::args().nth(1).ok_or("usage: bench_loader <folder of the MNIST files> [rates | overlap]")?;
    let what = env::args().nth(2);
    if what.as_deref() != Some("overlap") {
        rates(&folder)?;
    }
    if what.as_deref() != Some("rates") {
        let step = Duration::from_millis(10);
        println!("overlap_waiting {:.3}", overlap(step, std::thread::sleep)?);
        println!("overlap_computing {:.3}", overlap(step, compute)?);
    }
    Ok(())
}

fn rates(folder: &str) -> Result<()> {
    let file = |name: &str| Path::new(folder).join(name);
    let images = idx::images(file("train-images-idx3-ubyte.gz"))?;
    let labels = idx::labels(file("train-labels-idx1-ubyte.gz"), 10)?;
    let labels = Rows::scalars(labels.into_iter().map(i64::from).collect());
    let bytes = Rows::new(images.pixels().to_vec(), [784])?;
    let normalized = images.pixels().iter().map(|pixel| normalize(*pixel)).collect::<Vec<f32>>();
    let floats = Zip::new((Rows::new(normalized, [784])?, labels.clone()))?;
    let bytes = Zip::new((bytes.convert(normalize), labels))?;

    for workers in [0, 1] {
        println!("floats_{workers}_workers_us {:.2}", microseconds(&floats, workers)?);
        println!("bytes_{workers}_workers_us {:.2}", microseconds(&bytes, workers)?);
    }
    Ok(())
}

fn normalize(pixel: u8) -> f32 {
    (f32::from(pixel) / 255.0 - MEAN) / DEVIATION
}

/// Returns the time per batch in microseconds.
fn microseconds<D: Dataset + Clone + 'static>(dataset: &D, workers: usize) -> Result<f64>
where
    D::Item: 'static,
    Batch: lightning_core::data::FromItems<D::Item>,
{
    let loader: DataLoader<Batch> =
        DataLoader::builder(dataset.clone()).batch_size(BATCH).shuffle(true).num_workers(workers).build()?;
    let mut best = f64::INFINITY;
    for epoch in 0..EPOCHS {
        let start = Instant::now();
        let mut batches = 0;
        for batch in loader.resume(EpochOffset { seed: 1, epoch, batch: 0 })? {
            let (images, labels) = batch?;
            std::hint::black_box((&images, &labels));
            batches += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(batches));
    }
    Ok(best)
}

/// Returns the time of a training step in multiples of `step`, where the model takes `step` and one
/// worker loads a batch in 0.8 `step`.
fn overlap(step: Duration, load: fn(Duration)) -> Result<f64> {
    const STEPS: u64 = 100;
    let loader = DataLoader::builder((0..STEPS).collect::<Vec<u64>>())
        .num_workers(1)
        .collate(move |items: Vec<u64>| {
            load(step.mul_f64(0.8));
            Ok(items)
        })
        .build()?;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let mut batches = loader.resume(EpochOffset::default())?;
        // The first batch is not counted: its loading overlaps with no step.
        batches.next().transpose()?;
        let start = Instant::now();
        let mut steps = 0_u32;
        for batch in batches {
            batch?;
            compute(step);
            steps += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(steps));
    }
    Ok(best / step.as_secs_f64())
}

/// Keeps a core busy for `time`.
fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
