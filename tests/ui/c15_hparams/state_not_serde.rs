// mistakes: 1
use burn::nn::*;
use lightning_core::prelude::*;

#[derive(Clone, Debug, Default)]
struct Size(usize);

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[state]
    size: Size,
}

fn main() {}
