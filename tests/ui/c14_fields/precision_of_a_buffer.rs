// mistakes: 2
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[precision(f32)]
    #[buffer(Tensor::zeros([4], device))]
    table: Tensor<1>,
    #[precision(f32)]
    #[hparam(default = 3)]
    hidden: usize,
}

fn main() {}
