// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn init(hparams: &NetHparams, device: &Device) -> Self {
        let _ = hparams;
        Self { layer: LinearConfig::new(4, 1).init(device) }
    }
}

fn main() {}
