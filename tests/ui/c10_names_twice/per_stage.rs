// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn loss(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(per_stage)]
        let loss = self.layer.forward(batch).mean();
        loss
    }
    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.layer.forward(batch).mean();
    }
}

fn main() {}
