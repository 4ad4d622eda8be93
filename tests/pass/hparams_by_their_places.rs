//! Hyperparameters read as variables, from `hparams`, from `self` in the optimizer.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = self.lr / f64::from(self.scale))]
struct Net {
    #[hparam(default = 8)]
    hidden: usize,
    #[hparam(default = { 1e-1 })]
    lr: f64,
    #[hparam(default = -2 + 4)]
    scale: i32,
    #[init(LinearConfig::new(4, hidden).init(device))]
    first: Linear,
    #[init(LinearConfig::new(hparams.hidden, 1).init(device))]
    second: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.second.forward(self.first.forward(batch)).mean()
    }
}

#[test]
fn it_trains() {
    let mut net = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut net, rows()).unwrap();
}
