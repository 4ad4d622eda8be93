// mistakes: 3
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[derive(Batch)]
struct Items {
    images: Tensor<2, f32>,
    targets: Tensor<1, i64>,
    mask: Tensor<2, bool>,
}

fn main() {}
