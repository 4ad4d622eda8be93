//! A program with a configuration file in it, which `tests/it/include.rs` starts.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    cli::{Cli, include_config, include_hparams, lightning_main},
    prelude::*,
};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Net {
    #[init(LinearConfig::new(4, hidden).init(device))]
    layer: Linear,
    #[hparam]
    hidden: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl Net {
    fn training_step(&self, x: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.layer.forward(x).square().mean();
        train_loss
    }
    fn test_step(&self, x: Tensor<2>) {
        #[log(minimize)]
        let test_loss = self.layer.forward(x).square().mean();
    }
}

#[data_module]
struct Points {
    #[hparam(default = 16)]
    batch_size: usize,
}

#[data_module]
impl Points {
    fn train_dataloader(&self) -> Vec<Tensor<2>> {
        vec![Tensor::ones([self.batch_size, 4], &Device::default()); 8]
    }
    fn test_dataloader(&self) -> Vec<Tensor<2>> {
        self.train_dataloader()
    }
}

#[lightning_main]
fn main() -> Result<Cli<Net, Points>> {
    Ok(Cli::new()
        .model(include_hparams!("cli_included_net.toml" for Net)?)
        .data(include_hparams!("cli_included_points.json" for Points)?)
        .trainer(|trainer| trainer.max_epochs(3).limit_train_batches(6))
        .config(include_config!("cli_included.yaml" for Net, Points)))
}
