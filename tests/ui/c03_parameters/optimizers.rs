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
    fn training_step(&self, batch: Tensor<2>, optimizers: &mut Vec<usize>) -> Tensor<1> {
        let _ = optimizers;
        self.layer.forward(batch).mean()
    }
}

fn main() {}
