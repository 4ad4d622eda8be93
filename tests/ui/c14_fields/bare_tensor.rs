// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(Tensor::zeros([4], device))]
    bias: Tensor<1>,
}

fn main() {}
