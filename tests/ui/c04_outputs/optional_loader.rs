// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn train_dataloader(&self) -> Option<DataLoader<Tensor<2>>> {
        None
    }
}

fn main() {}
