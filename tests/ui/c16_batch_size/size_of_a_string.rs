// mistakes: 1
use lightning_core::prelude::*;

#[derive(Batch)]
struct Row {
    #[batch(size)]
    name: String,
}

fn main() {}
