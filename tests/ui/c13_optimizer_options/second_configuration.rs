// mistakes: 1
use burn::{nn::*, optim::SgdConfig};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

fn main() {}
