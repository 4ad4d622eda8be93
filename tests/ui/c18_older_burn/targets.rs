// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch)]
struct Labels {
    labels: Tensor<B, 1, Int>,
}

fn main() {}
