//! One helper for all stages.
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
    fn loss(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(per_stage, minimize)]
        let loss = self.layer.forward(batch.clone()).mean();
        #[log(per_stage, on_epoch, batch_size = batch.dims()[0])]
        let rows = batch.dims()[0];
        loss
    }
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.loss(batch)
    }
    fn validation_step(&self, batch: Tensor<2>) {
        self.loss(batch);
    }
    fn test_step(&self, batch: Tensor<2>) {
        self.loss(batch);
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    let trainer = quick(Net::trainer()).callback(EarlyStopping::new(Net::VAL_LOSS));
    let mut trainer = trainer.callback(ModelCheckpoint::new(Net::TRAIN_LOSS).save_top_k(0)).enable_checkpointing(true);
    trainer = trainer.fast_dev_run(1);
    let mut trainer = trainer.build().unwrap();
    trainer.fit(&mut model, (rows(), rows())).unwrap();
    let report = trainer.test(&mut model, rows()).unwrap();
    assert!(report.get(Net::TEST_LOSS).is_some());
    assert_eq!(report.get(Net::TEST_ROWS), Some(4.0));
}
