// mistakes: 1
use lightning_core::prelude::*;

#[derive(Batch)]
struct Row {
    index: usize,
    name: String,
}

fn main() {}
