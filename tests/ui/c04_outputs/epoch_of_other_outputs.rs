// mistakes: 1
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
    fn validation_step(&self, batch: Tensor<2>) -> f32 {
        self.layer.forward(batch).mean().into_scalar()
    }
    fn on_validation_epoch_end(&mut self, outputs: Vec<String>) {
        println!("{}", outputs.join(", "));
    }
}

fn main() {}
