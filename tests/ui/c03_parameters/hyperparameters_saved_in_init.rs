// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn init(_hparams: &NetHparams, device: &Device) -> Self {
        self.save_hyperparameters();
        Self { layer: LinearConfig::new(4, 1).init(device) }
    }
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

fn main() {}
