//! The time of a training step, alone or in several processes: what `scripts/ddp_speed.sh` compares.
//!
//! A multilayer perceptron with two hidden layers or more, trained with Adam on random data. Prints the
//! median of the milliseconds of a step, once.

use std::time::Instant;

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use clap::Parser;
use lightning_core::{distributed::Ddp, prelude::*};

/// Measures a training step.
#[derive(Parser)]
struct Args {
    /// Units of each hidden layer: 1024 makes 1.9 million parameters.
    #[arg(long, default_value_t = 1024)]
    width: usize,
    /// Items in a batch of one process.
    #[arg(long, default_value_t = 256)]
    batch_size: usize,
    #[arg(long, default_value_t = 40)]
    steps: usize,
    /// Sums in the order of the ranks.
    #[arg(long)]
    ordered: bool,
    /// Sums during the backward pass.
    #[arg(long)]
    overlap: bool,
    /// Divides the states of the optimizer.
    #[arg(long)]
    shard: bool,
    /// Hidden layers beyond the second.
    #[arg(long, default_value_t = 0)]
    depth: usize,
}

#[derive(Batch, Clone, Debug)]
struct Rows {
    x: Tensor<2>,
    y: Tensor<1, Int>,
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-3)]
struct Net {
    #[init(LinearConfig::new(784, width).init(device))]
    fc1: Linear,
    #[init(LinearConfig::new(width, width).init(device))]
    fc2: Linear,
    #[init((0..depth).map(|_| LinearConfig::new(width, width).init(device)).collect())]
    deep: Vec<Linear>,
    #[init(LinearConfig::new(width, 10).init(device))]
    fc3: Linear,
    #[hparam(default = 1024)]
    width: usize,
    #[hparam(default = 0)]
    depth: usize,
    #[state(skip)]
    ends: Vec<Instant>,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let x = relu(self.fc2.forward(relu(self.fc1.forward(batch.x))));
        let x = self.deep.iter().fold(x, |x, layer| relu(layer.forward(x)));
        cross_entropy(self.fc3.forward(x), batch.y)
    }
    fn on_train_batch_end(&mut self) {
        self.ends.push(Instant::now());
    }
}

fn main() -> Result<()> {
    let Args { width, batch_size, steps, ordered, overlap, shard, depth } = Args::parse();
    seed_everything(1);
    let device = Device::default();
    let batch = Rows {
        x: Tensor::random([batch_size, 784], burn::tensor::Distribution::Default, &device),
        y: Tensor::arange(0..batch_size as i64, &device).remainder_scalar(10),
    };
    let mut net = Net::new(NetHparams::default().with_width(width).with_depth(depth));
    let mut trainer = Trainer::<Net>::barebones()
        .max_epochs(1)
        .deterministic(ordered)
        .strategy(Ddp::new().overlap(overlap).shard_optimizer(shard))
        .build()?;
    let batches = steps * trainer.world_size();
    trainer.fit(&mut net, DataLoader::from_batches(vec![batch; batches])?)?;
    let mut times: Vec<f64> = net.ends.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1e3).skip(5).collect();
    times.sort_by(f64::total_cmp);
    if trainer.is_global_zero() {
        println!("{:.2}", times.get(times.len() / 2).copied().unwrap_or(f64::NAN));
    }
    Ok(())
}
