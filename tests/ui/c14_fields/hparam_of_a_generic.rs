// mistakes: 1
use burn::nn::*;
use lightning_core::prelude::*;

#[lightning_module]
struct Net<const N: usize> {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam]
    sizes: [f64; N],
}

fn main() {}
