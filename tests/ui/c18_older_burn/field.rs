// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[buffer(Tensor::zeros([4], device))]
    bias: Tensor<B, 1>,
}

fn main() {}
