// mistakes: 4
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[inti(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[bufer(Tensor::zeros([4], device))]
    mean: Tensor<1>,
    #[hparm]
    hidden: usize,
    #[sate]
    seen: u64,
}

fn main() {}
