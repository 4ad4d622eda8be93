// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch)]
struct Pairs {
    #[batch(size)]
    source: Tensor<2>,
    #[batch(size)]
    target: Tensor<2>,
}

fn main() {}
