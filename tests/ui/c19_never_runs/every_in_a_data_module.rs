// mistakes: 2
use burn::prelude::*;
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    #[every(2)]
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(Vec::new())
    }

    #[dims(-> batch, 2)]
    fn rows(&self) -> Tensor<2> {
        Tensor::zeros([1, 2], &Device::default())
    }
}

fn main() {
    let _ = Data::new(DataHparams::default());
}
