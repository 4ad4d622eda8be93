//! Batches of several parts: patterns of tuples and arrays, under any name.
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
    fn training_step(&self, _cx: &StepContext, (x, y): (Tensor<2>, Tensor<1, Int>), batch_idx: usize) -> Tensor<1> {
        let _ = batch_idx;
        (self.layer.forward(x).squeeze_dim::<1>(1) - y.float()).mean()
    }
    fn validation_step(&self, examples: (Tensor<2>, Tensor<1, Int>)) {
        let (x, _) = examples;
        log("val_loss", &self.layer.forward(x).mean());
    }
    fn test_step(&self, [x, y]: [Tensor<2>; 2]) {
        log("test_loss", &(self.layer.forward(x) - y).mean());
    }
    fn predict_step(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x)
    }
}

fn pairs() -> Vec<(Tensor<2>, Tensor<1, Int>)> {
    rows().into_iter().map(|x| (x, Tensor::arange(0..4, &Device::default()))).collect()
}

#[test]
fn it_trains_and_predicts() {
    let mut net = Net::new(NetHparams::default());
    let mut trainer = quick(Net::trainer()).build().unwrap();
    trainer.fit(&mut net, (pairs(), pairs())).unwrap();
    assert_eq!(trainer.predict(&mut net, rows()).unwrap().len(), 2);
}
