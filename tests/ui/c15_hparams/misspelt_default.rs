// mistakes: 1
use burn::nn::*;
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(defualt = 3)]
    hidden: usize,
}

fn main() {}
