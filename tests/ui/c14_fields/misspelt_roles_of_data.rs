// mistakes: 2
use lightning_core::prelude::*;

#[data_module]
struct Data {
    #[hpraam(default = 64)]
    batch_size: usize,
    #[stat(skip)]
    rows: Vec<f32>,
}

fn main() {}
