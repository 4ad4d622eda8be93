// mistakes: 3
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch, Clone, Debug)]
struct Digits {
    #[dims(batch, 28, 28)]
    images: Tensor<4>,
    #[dims(batch, 1)]
    targets: Tensor<1, Int>,
    #[dims(batch)]
    weights: Option<Tensor<2>>,
}

fn main() {
    let _ = |batch: Digits| Batch::batch_size(&batch);
}
