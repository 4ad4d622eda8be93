// mistakes: 1
use lightning_core::prelude::*;

#[derive(Batch)]
enum Either {
    Index(usize),
    Name(String),
}

fn main() {}
