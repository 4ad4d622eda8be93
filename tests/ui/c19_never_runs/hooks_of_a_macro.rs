// mistakes: 1
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

macro_rules! hooks {
    () => {
        pub fn validation_step(&self, batch: Tensor<2>) {
            let _ = self.layer.forward(batch);
        }
        pub fn on_train_epoch_end(&mut self) {}
    };
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
    hooks!();
}

fn main() {}
