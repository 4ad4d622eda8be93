// mistakes: 4
use burn::prelude::*;
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn trainLoader(&self) -> Result<DataLoader<Tensor<2>>> {
        unimplemented!()
    }
    fn get_val_loader(&self) -> Result<DataLoader<Tensor<2>>> {
        unimplemented!()
    }
    fn test_loaders(&self) -> Result<DataLoader<Tensor<2>>> {
        unimplemented!()
    }
    fn prediction_data_loader(&self) -> Result<DataLoader<Tensor<2>>> {
        unimplemented!()
    }
}

fn main() {}
