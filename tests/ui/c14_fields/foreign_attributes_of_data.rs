// mistakes: 1
use lightning_core::prelude::*;

#[data_module]
struct Data {
    #[hyperparameter]
    size: usize,
}

fn main() {}
