// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

const CLASSES: usize = 10;

#[derive(Batch, Clone, Debug)]
struct Digits {
    #[dims(batch, CLASES)]
    scores: Tensor<2>,
}

fn main() {
    let _ = |batch: Digits| Batch::batch_size(&batch);
}
