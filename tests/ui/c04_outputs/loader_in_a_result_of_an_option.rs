// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn val_dataloader(&self) -> Result<Option<DataLoader<Tensor<2>>>> {
        Ok(None)
    }
}

fn main() {}
