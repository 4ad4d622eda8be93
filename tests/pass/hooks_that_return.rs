//! Results under other names, and hooks with and without them.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

type Outcome<T = ()> = std::result::Result<T, lightning_core::Error>;
type Loss1 = Tensor<1>;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn init(_hparams: &NetHparams, device: &Device) -> Outcome<NetFields> {
        Ok(NetFields { layer: LinearConfig::new(4, 1).init(device) })
    }
    fn training_step(&self, batch: Tensor<2>) -> Outcome<Option<Loss1>> {
        Ok(Some(self.layer.forward(batch).mean()))
    }
    fn on_train_batch_end(&mut self) -> Outcome {
        Ok(())
    }
    fn on_train_epoch_end(&mut self) -> std::result::Result<(), String> {
        Ok(())
    }
    fn on_fit_end(&mut self) {}
}

#[test]
fn it_trains() {
    let mut net = Net::new(NetHparams::default()).unwrap();
    quick(Net::trainer()).build().unwrap().fit(&mut net, rows()).unwrap();
}
