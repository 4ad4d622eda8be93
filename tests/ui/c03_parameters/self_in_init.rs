// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[hparam(default = 8)]
    hidden: usize,
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn init(_hparams: &NetHparams, device: &Device) -> NetFields {
        NetFields { layer: LinearConfig::new(self.hidden, 1).init(device) }
    }
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

fn main() {}
