//! Trailing commas, raw strings, brackets around options, raw names.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1, group(layer, lr = lr * 0.5,),)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
    #[state(skip)]
    r#type: usize,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let _ = self.r#type;
        #[log[minimize, name = r"train/loss", prog_bar = true, logger = false,]]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
    #[not_a_hook]
    fn on_step_end(&self) -> f64 {
        self.lr
    }
    #[not_a_hook]
    fn epoch_end(&self) -> f64 {
        self.on_step_end()
    }
}

#[test]
fn it_trains() {
    let mut net = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut net, rows()).unwrap();
    assert_eq!(net.epoch_end(), 0.1);
}
