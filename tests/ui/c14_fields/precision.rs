// mistakes: 3
use burn::nn::*;
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[precision(f16)]
    #[init(LinearConfig::new(4, 4).init(device))]
    first: Linear,
    #[precision]
    #[init(BatchNormConfig::new(4).init(device))]
    norm: BatchNorm,
    #[precision(f32)]
    #[precision(f32)]
    #[init(LinearConfig::new(4, 1).init(device))]
    last: Linear,
}

fn main() {}
