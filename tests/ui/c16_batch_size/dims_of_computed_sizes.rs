// mistakes: 2
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch, Clone, Debug)]
struct Digits {
    #[dims(batch, 28 * 28)]
    first: Tensor<2>,
    #[dims(batch 28)]
    second: Tensor<2>,
}

fn main() {
    let _ = |batch: Digits| Batch::batch_size(&batch);
}
