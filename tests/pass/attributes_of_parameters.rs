//! Attributes of parameters that rustc knows.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>, #[allow(unused)] batch_idx: usize) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
    fn validation_step(&self, #[expect(unused_variables)] batch: Tensor<2>, #[warn(unused)] cx: &StepContext) {
        let _ = cx.batch_idx();
    }
    fn on_train_epoch_end(&mut self, #[allow(unused_variables)] cx: &mut HookContext) {}
    #[cfg(not(any()))]
    fn on_fit_end(&mut self, cx: &mut HookContext) {
        let _ = cx.current_epoch();
    }
    #[cfg(any())]
    fn on_fit_end(&mut self) {}
}

#[test]
fn it_trains() {
    let mut net = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut net, (rows(), rows())).unwrap();
}
