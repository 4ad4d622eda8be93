//! A lightning module in another one, and a list of them.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
struct Inner {
    #[init(LinearConfig::new(4, width).init(device))]
    layer: Linear,
    #[hparam(default = 4)]
    width: usize,
}

#[lightning_module]
impl Inner {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let inner_loss = self.layer.forward(batch).mean();
        inner_loss
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(Inner::new_on(inner, device))]
    first: Inner,
    #[init(vec![copy_of(first)])]
    others: Vec<Inner>,
    #[hparam(default = InnerHparams::default())]
    inner: InnerHparams,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let other = self.others.iter().map(|inner| inner.training_step(batch.clone())).next_back();
        #[log(minimize)]
        let train_loss = self.first.training_step(batch.clone()) + other.unwrap();
        train_loss
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
}
