// mistakes: 1
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn train_dataloader(&self) -> Result<Vec<DataLoader<Tensor<2>>>> {
        Ok(vec![DataLoader::from_batches(Vec::new())?])
    }
}

fn fit(trainer: &mut Trainer<Net>, net: &mut Net, data: &mut Data) -> Result<()> {
    trainer.fit(net, data)?;
    Ok(())
}

fn main() {}
