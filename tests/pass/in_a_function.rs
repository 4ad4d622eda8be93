//! A module in the body of a function.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[test]
fn runs() {
    #[lightning_module]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    struct Net {
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
    }

    let mut model = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
}
