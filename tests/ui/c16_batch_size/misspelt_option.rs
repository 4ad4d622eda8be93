// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch)]
struct Row {
    #[batch(hots)]
    x: Tensor<2>,
}

fn main() {}
