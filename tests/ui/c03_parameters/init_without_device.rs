// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn init(hparams: &NetHparams) -> Self {
        let _ = hparams;
        Self { layer: LinearConfig::new(4, 1).init(&Device::default()) }
    }
}

fn main() {}
