// mistakes: 3
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(burn::optim::AdamConfig::new(), lr = 1e-3)]
pub struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[state]
    epochs: usize,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

impl Net {
    pub fn on_train_epoch_end(&mut self) {
        self.epochs += 1;
    }
    pub fn validation_step(&self, batch: Tensor<2>) {
        let _ = batch;
    }
    fn configure_optimizers(&self) -> burn::optim::AdamConfig {
        burn::optim::AdamConfig::new()
    }
}

fn main() {}
