// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_core::optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    layer: usize,
}

fn main() {}
