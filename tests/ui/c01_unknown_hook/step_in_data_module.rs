// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn validation_step(&self, batch: Tensor<2>) {
        drop(batch);
    }
}

fn main() {}
