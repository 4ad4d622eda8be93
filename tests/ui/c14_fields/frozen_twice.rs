// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[frozen]
    #[frozen]
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn predict_step(&self, batch: Tensor<2>) -> Tensor<2> {
        self.layer.forward(batch)
    }
}

fn main() {}
