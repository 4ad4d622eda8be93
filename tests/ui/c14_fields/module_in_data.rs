// mistakes: 1
use lightning_core::prelude::*;

#[data_module]
struct Data {
    #[init(3)]
    batch_size: usize,
}

fn main() {}
