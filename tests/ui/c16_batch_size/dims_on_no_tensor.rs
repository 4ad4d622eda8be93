// mistakes: 2
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch, Clone, Debug)]
struct Digits {
    images: Tensor<4>,
    #[dims(batch)]
    count: usize,
    #[batch(host)]
    #[dims(batch)]
    names: Vec<String>,
}

fn main() {
    let _ = |batch: Digits| Batch::batch_size(&batch);
}
