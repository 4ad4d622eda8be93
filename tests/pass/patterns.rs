//! A pattern as the parameter of a step, parameters in any order.
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
    fn training_step(&self, (x, [_first, second]): (Tensor<2>, [Tensor<2>; 2])) -> Tensor<1> {
        (self.layer.forward(x) + self.layer.forward(second)).mean()
    }
    fn validation_step(&self, (x, _): (Tensor<2>, usize), cx: &StepContext, batch_idx: usize, _dataloader_idx: usize) {
        assert_eq!(cx.batch_idx(), batch_idx);
        #[log(minimize)]
        let val_loss = self.layer.forward(x).mean();
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    let [first, second] = <[Tensor<2>; 2]>::try_from(rows()).unwrap();
    let train = vec![(first.clone(), [first.clone(), second.clone()]); 2];
    let val = vec![(first, 1), (second, 2)];
    quick(Net::trainer()).build().unwrap().fit(&mut model, (train, val)).unwrap();
}
