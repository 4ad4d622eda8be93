// mistakes: 1
use burn::nn::*;
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn test_step<B: lightning_core::Batch>(&self, batch: B) {
        drop(batch);
    }
}

fn main() {}
