// mistakes: 5
use burn::prelude::*;
use lightning_core::prelude::*;

#[derive(Batch, Clone, Debug)]
struct Digits {
    #[dims(batch, 0)]
    first: Tensor<2>,
    #[dims(batch, 2.5)]
    second: Tensor<2>,
    #[dims("batch", 2)]
    third: Tensor<2>,
    #[dims(batch, self.hidden)]
    fourth: Tensor<2>,
    #[dims(-> batch, 2)]
    fifth: Tensor<2>,
}

fn main() {
    let _ = |batch: Digits| Batch::batch_size(&batch);
}
