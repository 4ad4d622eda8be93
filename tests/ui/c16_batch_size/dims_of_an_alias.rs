// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

type Images = Tensor<4>;

#[derive(Batch, Clone, Debug)]
struct Digits {
    #[dims(batch, 28, 28)]
    images: Images,
}

fn main() {
    let _ = |batch: Digits| Batch::batch_size(&batch);
}
