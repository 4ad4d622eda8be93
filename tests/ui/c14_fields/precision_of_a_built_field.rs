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
    fn init(_hparams: &NetHparams, device: &Device) -> Self {
        Self { norm: BatchNormConfig::new(4).init(device) }
    }
}

fn main() {}
