// mistakes: 3
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 100)]
    often: u64,
}

impl Net {
    const NEVER: u64 = 0;
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }

    #[every]
    fn on_train_batch_end(&mut self) {}

    #[once()]
    fn on_train_epoch_end(&mut self) {}

    #[every(epochs, 5)]
    fn on_validation_end(&mut self) {}
}

fn main() {
    let _ = (Net::trainer(), Net::NEVER);
}
