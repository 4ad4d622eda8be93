// mistakes: 1
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn train_dataloader(&self) {}
}

fn main() {}
