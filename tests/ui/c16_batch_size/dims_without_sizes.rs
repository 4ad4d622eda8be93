// mistakes: 3
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch, Clone, Debug)]
struct Digits {
    #[dims]
    images: Tensor<4>,
    #[dims()]
    targets: Tensor<1, Int>,
    #[dims = "batch"]
    weights: Tensor<1>,
}

fn main() {
    let _ = |batch: Digits| Batch::batch_size(&batch);
}
