// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(Vec::new())
    }
}

fn main() {}
