// mistakes: 1
use burn::nn::*;
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[precision(f32)]
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

fn main() {}
