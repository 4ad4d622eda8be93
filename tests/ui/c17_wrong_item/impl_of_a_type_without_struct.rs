// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
impl Tensor<1> {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        batch.mean()
    }
}

fn main() {}
