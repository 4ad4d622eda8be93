// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[derive(Batch)]
struct Pair<T> {
    first: T,
    second: T,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Pair<Vec<u8>>) -> Tensor<1> {
        let _ = (batch.first, batch.second);
        self.layer.weight.val().mean()
    }
}

fn main() {}
