// mistakes: 1
use lightning_core::prelude::*;

#[data_module]
struct Data {
    batch_size: usize,
}

fn main() {}
