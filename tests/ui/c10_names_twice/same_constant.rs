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
    #[allow(non_snake_case)]
    fn validation_step(&self, batch: Tensor<2>) {
        #[log]
        let loss = batch.mean();
        #[log]
        let Loss = loss * 2;
    }
}

fn main() {}
