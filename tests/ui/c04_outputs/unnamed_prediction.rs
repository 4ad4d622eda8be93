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
    fn predict_step(&self, batch: Tensor<2>) -> impl Iterator<Item = Tensor<1>> {
        self.layer.forward(batch).iter_dim(0).map(|row| row.flatten(0, 1))
    }
}

fn main() {}
