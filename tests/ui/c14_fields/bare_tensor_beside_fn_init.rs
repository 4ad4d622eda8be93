// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    bias: Tensor<1>,
}

#[lightning_module]
impl Net {
    fn init(hparams: &NetHparams, device: &Device) -> Self {
        let _ = hparams;
        Self { bias: Tensor::zeros([4], device) }
    }
}

fn main() {}
