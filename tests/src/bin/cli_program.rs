//! A program with a command line, which `tests/it/cli.rs` starts.
#![deny(warnings)]

use std::collections::BTreeMap;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    cli::{Cli, lightning_main},
    prelude::*,
};
use serde::{Deserialize, Serialize};

/// A choice with and without content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Mse,
    Huber { delta: f64 },
    Weighted(Vec<f64>),
}

#[lightning_module]
struct Block {
    #[init(LinearConfig::new(4, width).init(device))]
    linear: Linear,
    /// Outputs of the block.
    #[hparam(default = 8, search = choice(4, 8))]
    width: usize,
    /// Share of the outputs that are zero.
    #[hparam(default = 0.1)]
    dropout: f64,
}

#[lightning_module]
impl Block {
    fn predict_step(&self, x: Tensor<2>) -> Tensor<2> {
        self.linear.forward(x)
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Net {
    #[init(Block::new_on(block.clone(), device))]
    first: Block,
    #[init(LinearConfig::new(block.width, 1).init(device))]
    head: Linear,
    /// Learning rate.
    #[hparam(default = 1e-3, search = log(1e-5..1e-1))]
    lr: f64,
    /// The first block.
    #[hparam(default = BlockHparams::default())]
    block: BlockHparams,
    /// The loss.
    #[serde(rename = "loss")]
    #[hparam(default = Kind::Mse)]
    kind: Kind,
    #[hparam(default = "net".to_owned())]
    name: String,
    #[hparam(default = None)]
    note: Option<String>,
    #[hparam(default = vec![1, 2])]
    sizes: Vec<usize>,
    #[hparam(default = (0.9, 0.999))]
    betas: (f64, f64),
    /// Not finite, and may stay so.
    #[hparam(default = f64::INFINITY)]
    limit: f64,
    #[hparam(default = BTreeMap::new())]
    weights: BTreeMap<String, f32>,
    #[hparam(default = -3)]
    small: i8,
    #[hparam(default = 'a')]
    letter: char,
    #[hparam(default = false)]
    flag: bool,
}

#[lightning_module]
impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.head.forward(self.first.linear.forward(x))
    }
    fn training_step(&self, x: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.forward(x).square().mean();
        train_loss
    }
    fn validation_step(&self, x: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.forward(x.clone()).square().mean();
        #[log(maximize)]
        let val_score = self.forward(x).mean();
    }
    fn test_step(&self, x: Tensor<2>) {
        #[log(minimize)]
        let test_loss = self.forward(x).square().mean();
    }
}

#[data_module]
struct Points {
    /// Points in a batch.
    #[hparam(default = 16)]
    batch_size: usize,
    /// Batches of an epoch.
    #[hparam(default = 4)]
    batches: usize,
}

#[data_module]
impl Points {
    fn train_dataloader(&self) -> Vec<Tensor<2>> {
        vec![Tensor::ones([self.batch_size, 4], &Device::default()); self.batches]
    }
    fn val_dataloader(&self) -> Vec<Tensor<2>> {
        vec![Tensor::ones([self.batch_size, 4], &Device::default()); 2]
    }
    fn test_dataloader(&self) -> Vec<Tensor<2>> {
        vec![Tensor::ones([self.batch_size, 4], &Device::default()); 2]
    }
}

#[lightning_main]
fn main() -> Cli<Net, Points> {
    Cli::new().trainer(|trainer| trainer.max_epochs(2).log_every_n_steps(1).enable_progress_bar(false))
}
