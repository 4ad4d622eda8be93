// mistakes: 1
use burn::{nn::*, optim::SgdConfig};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
    #[hparam(default = 4, search = uniform(1.0..8.0))]
    depth: usize,
}

fn main() {}
