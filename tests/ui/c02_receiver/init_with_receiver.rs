// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn init(&self, hparams: &NetHparams, device: &Device) -> Self {
        Self { layer: LinearConfig::new(4, 1).init(device) }
    }
}

fn main() {}
