// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch, Clone, Debug)]
struct Pair {
    first: Tensor<2>,
}

#[derive(Batch, Clone, Debug)]
struct Digits {
    #[dims(batch, 2)]
    pairs: Pair,
    images: Tensor<4>,
}

fn main() {
    let _ = |batch: Digits| Batch::batch_size(&batch);
}
