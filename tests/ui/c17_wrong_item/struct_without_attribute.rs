// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[derive(Module, Debug)]
struct Net {
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

fn main() {}
