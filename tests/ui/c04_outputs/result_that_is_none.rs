// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

mod answer {
    pub struct Result;
}

#[lightning_module]
impl Net {
    fn predict_step(&self, batch: Tensor<2>) -> answer::Result {
        drop(batch);
        answer::Result
    }
}

fn main() {}
