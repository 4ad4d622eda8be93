// mistakes: 1
use lightning_core::prelude::*;

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn hparams(&self) {}
}

fn main() {}
