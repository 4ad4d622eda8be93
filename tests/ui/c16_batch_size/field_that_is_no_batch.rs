// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

struct Label(u8);

#[derive(Batch)]
struct Row {
    x: Tensor<2>,
    label: Label,
}

fn main() {}
