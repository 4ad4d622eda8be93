//! What steps hand to hooks, in every form that a program may write.
#![deny(warnings)]

use std::ops::ControlFlow;

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[state(skip)]
    seen: usize,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Option<Loss<[f32; 1]>> {
        Some(Loss::new(self.layer.forward(batch).mean()).output([1.0]))
    }
    fn on_train_batch_start(&mut self, _batch_idx: usize, batch: &Tensor<2>) -> Result<ControlFlow<()>> {
        self.seen += batch.dims()[0];
        Ok(ControlFlow::Continue(()))
    }
    fn on_train_batch_end(&mut self, outputs: &[f32; 1]) {
        self.seen += outputs.len();
    }
    fn validation_step(&self, batch: Tensor<2>) -> Result<Vec<(String, f32)>> {
        Ok(vec![("mean".to_owned(), self.layer.forward(batch).mean().into_scalar())])
    }
    #[cfg(not(windows))]
    fn on_validation_epoch_end(&mut self, outputs: Vec<Vec<(String, f32)>>) {
        self.seen += outputs.iter().flatten().count();
    }
    fn on_validation_batch_end(&mut self, batch: &Tensor<2>, cx: &mut HookContext, dataloader_idx: usize) {
        assert_eq!((cx.dataloader_idx(), batch.dims()), (dataloader_idx, [4, 4]));
    }
    fn test_step(&self, batch: Tensor<2>) -> usize {
        batch.dims()[0]
    }
    #[cfg(windows)]
    fn on_test_epoch_end(&mut self, outputs: Vec<usize>) {
        self.seen += outputs.len();
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    let mut trainer = quick(Net::trainer()).num_sanity_val_steps(0).build().unwrap();
    trainer.fit(&mut model, (rows(), DataLoader::from_batches(rows()).unwrap())).unwrap();
    assert_eq!(model.seen, 8 + 2 + 2);
    trainer.test(&mut model, rows()).unwrap();
}
