// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn train_dataloader(&self) -> impl Iterator<Item = Tensor<2>> {
        std::iter::empty()
    }
}

fn main() {}
