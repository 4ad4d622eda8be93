// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[precision(f32)]
    norm: BatchNorm,
}

#[lightning_module]
impl Net {
    fn init(_hparams: &NetHparams, device: &Device) -> NetFields {
        NetFields { norm: BatchNormConfig::new(4).init(device) }
    }
    fn predict_step(&self, batch: Tensor<2>) -> Tensor<2> {
        self.norm.forward(batch)
    }
}

fn main() {}
