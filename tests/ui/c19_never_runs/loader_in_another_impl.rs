// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[data_module]
pub struct Data {}

#[data_module]
impl Data {
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(Vec::new())
    }
}

impl Data {
    pub fn val_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(Vec::new())
    }
}

fn main() {}
