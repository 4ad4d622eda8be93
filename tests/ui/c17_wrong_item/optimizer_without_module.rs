// mistakes: 1
use lightning_core::prelude::*;

#[optimizer(burn::optim::SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(burn::nn::LinearConfig::new(4, 1).init(device))]
    layer: burn::nn::Linear,
    #[hparam(default = 2)]
    depth: usize,
}

fn main() {}
