// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[data_module]
pub struct Data {}

macro_rules! loaders {
    ($name:ident) => {
        pub fn $name(&self) -> Result<DataLoader<Tensor<2>>> {
            DataLoader::from_batches(Vec::new())
        }
    };
}

#[data_module]
impl Data {
    loaders!(train_dataloader);
}

fn main() {}
