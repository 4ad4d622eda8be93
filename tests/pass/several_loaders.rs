//! Several validation loaders, with and without names.
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
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
    fn validation_step(&self, batch: Tensor<2>, dataloader_idx: usize) {
        assert!(dataloader_idx < 2);
        #[log(minimize)]
        let val_loss = self.layer.forward(batch).mean();
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    let loader = || DataLoader::from_batches(rows()).unwrap();
    let mut trainer = quick(Net::trainer()).build().unwrap();
    trainer.fit(&mut model, (rows(), vec![loader(), loader()])).unwrap();
    let named = [("clean", loader()), ("noisy", loader())];
    let trainer = quick(Net::trainer()).callback(EarlyStopping::new(Net::VAL_LOSS.loader("noisy")));
    trainer.build().unwrap().fit(&mut model, (rows(), named)).unwrap();
}
