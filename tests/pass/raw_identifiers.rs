//! Names that are keywords.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, r#type).init(device))]
    r#loop: Linear,
    #[hparam(default = 1)]
    r#type: usize,
}

#[lightning_module]
impl Net {
    fn training_step(&self, r#in: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let r#final = self.r#loop.forward(r#in).mean();
        r#final
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default().with_type(1));
    let trainer = quick(Net::trainer()).callback(EarlyStopping::new(Net::FINAL));
    trainer.build().unwrap().fit(&mut model, rows()).unwrap();
    assert!(!model.freeze(Net::LOOP).r#loop.weight.is_require_grad());
}
