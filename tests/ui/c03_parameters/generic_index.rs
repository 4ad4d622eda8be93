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
    fn validation_step(&self, batch: Tensor<2>, batch_idx: impl Into<f64>) {
        let _ = (batch, batch_idx.into());
    }
}

fn main() {}
