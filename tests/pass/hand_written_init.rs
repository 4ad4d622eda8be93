//! `fn init` instead of `#[init(…)]`.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    layer: Linear,
    #[hparam(default = 1)]
    width: usize,
}

#[lightning_module]
impl Net {
    fn init(hparams: &NetHparams, device: &Device) -> Self {
        Self { layer: LinearConfig::new(4, hparams.width).init(device), width: hparams.width }
    }
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
}
