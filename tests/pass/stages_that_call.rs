//! Keys of `per_stage` in stages that call the method by other methods.
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

/// Its methods are not seen by the macro.
impl Net {
    fn elsewhere(&self, batch: Tensor<2>) -> Tensor<1> {
        self.shared(batch)
    }
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.between(batch)
    }
    fn validation_step(&self, batch: Tensor<2>) {
        let _ = Some(batch).map(|batch| self.elsewhere(batch));
    }
    fn test_step(&self, batch: Tensor<2>) {
        let _ = Some(batch).map(|batch| Self::shared(self, batch));
    }
    fn between(&self, batch: Tensor<2>) -> Tensor<1> {
        self.shared(batch)
    }
    fn shared(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(per_stage, minimize)]
        let loss = self.layer.forward(batch).mean();
        loss
    }
}

#[test]
fn each_stage_has_a_value() {
    let mut net = Net::new(NetHparams::default());
    let builder = quick(Net::trainer()).callback(EarlyStopping::new(Net::VAL_LOSS).patience(3));
    let mut trainer = builder.callback(EarlyStopping::new(Net::TRAIN_LOSS).patience(3)).build().unwrap();
    let report = trainer.fit(&mut net, (rows(), rows())).unwrap();
    assert!(report.metrics.get(Net::VAL_LOSS).is_some());
    assert!(trainer.test(&mut net, rows()).unwrap().get(Net::TEST_LOSS).is_some());
}
