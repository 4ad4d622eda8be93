// mistakes: 2
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[module(skip)]
    #[init(LinearConfig::new(4, 1).init(device))]
    other: Linear,
    #[hparam(default = 1)]
    #[module(skip)]
    width: usize,
}

#[lightning_module]
impl Net {
    fn predict_step(&self, batch: Tensor<2>) -> Tensor<2> {
        self.other.forward(self.layer.forward(batch))
    }
}

fn main() {}
