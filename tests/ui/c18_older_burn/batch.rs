// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch)]
struct Images {
    images: Tensor<B, 4>,
}

fn main() {}
