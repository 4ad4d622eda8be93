// mistakes: 4
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

    #[every(100, steps)]
    fn on_train_batch_end(&mut self) {}

    #[every(5, epoch)]
    fn on_train_epoch_end(&mut self) {}

    #[every(5, epochs)]
    fn on_test_batch_end(&mut self) {}

    #[once(5, epochs)]
    fn on_train_batch_start(&mut self) {}
}

fn main() {
    let _ = (Net::trainer(), Net::NEVER);
}
