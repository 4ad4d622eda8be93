// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    layer: Linear,
    #[state]
    seen: u64,
    #[hparam(default = 4)]
    width: usize,
}

#[lightning_module]
impl Net {
    fn init(hparams: &NetHparams, device: &Device) -> NetFields {
        NetFields { layer: LinearConfig::new(hparams.width, 1).init(device) }
    }
    fn predict_step(&self, batch: Tensor<2>) -> Tensor<2> {
        self.layer.forward(batch)
    }
}

fn main() {}
