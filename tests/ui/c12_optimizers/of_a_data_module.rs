// mistakes: 1
use burn::optim::SgdConfig;
use lightning_core::prelude::*;

#[data_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Data {}

fn main() {}
