// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch)]
struct Row<'a> {
    x: Tensor<2>,
    name: &'a str,
}

fn main() {}
