// mistakes: 1
use burn::{nn::*, optim::SgdConfig};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 0.1, search = int(1..=8))]
    lr: f64,
}

fn main() {}
