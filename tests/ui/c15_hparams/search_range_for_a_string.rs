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
    #[hparam(default = "relu".to_owned(), search = int(1..=8))]
    activation: String,
}

fn main() {}
