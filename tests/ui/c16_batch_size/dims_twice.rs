// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch, Clone, Debug)]
struct Digits {
    #[dims(batch, 1, 28, 28)]
    #[dims(batch, 3, 32, 32)]
    images: Tensor<4>,
}

fn main() {
    let _ = |batch: Digits| Batch::batch_size(&batch);
}
