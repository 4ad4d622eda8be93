//! `#[cfg]` on a field, a hook, a step and a logged value.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[cfg(windows)]
    #[init(LinearConfig::new(4, 2).init(device))]
    other: Linear,
    #[cfg(not(windows))]
    #[hparam(default = 3)]
    depth: usize,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let loss = self.layer.forward(batch).mean();
        #[cfg(windows)]
        #[log(maximize)]
        let windows_loss = loss.clone();
        #[cfg(not(windows))]
        #[log(minimize)]
        let train_loss = loss.clone();
        loss
    }
    #[cfg(windows)]
    fn on_fit_start(&mut self) {}
    #[cfg(not(windows))]
    fn on_fit_end(&mut self) {
        self.depth += 1;
    }
    #[cfg(windows)]
    fn test_step(&self, batch: Tensor<2>) {
        drop(batch);
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
    #[cfg(not(windows))]
    assert_eq!(model.depth, 4);
}
