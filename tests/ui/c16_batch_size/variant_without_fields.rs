// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch)]
enum Images {
    Digits(Tensor<3>),
    End,
}

fn main() {}
