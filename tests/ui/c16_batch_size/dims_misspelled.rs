// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch, Clone, Debug)]
struct Digits {
    #[dim(batch, 28)]
    scores: Tensor<2>,
}

fn main() {
    let _ = |batch: Digits| Batch::batch_size(&batch);
}
