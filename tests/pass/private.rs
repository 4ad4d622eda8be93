//! A private struct with public methods, and a module that nobody trains.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub(super) struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
    #[not_a_hook]
    pub(super) fn train_step(&self) -> usize {
        1
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    assert_eq!(model.train_step(), 1);
    quick(Net::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
}
