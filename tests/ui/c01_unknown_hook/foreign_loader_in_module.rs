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
    fn valid_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(Vec::new())
    }
}

fn main() {}
