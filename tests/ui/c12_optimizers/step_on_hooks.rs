// mistakes: 3
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    #[init(LinearConfig::new(4, 1).init(device))]
    critic: Linear,
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    #[init(LinearConfig::new(4, 4).init(device))]
    generator: Linear,
}

#[lightning_module]
impl Net {
    #[training_step(optimizer = critic)]
    fn on_train_epoch_end(&mut self) {}
    #[training_step(optimizer = generator)]
    fn val_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.generator.forward(batch).mean()
    }
    #[manual_optimization]
    fn test_step(&self, batch: Tensor<2>) {
        let _ = self.critic.forward(batch);
    }
}

fn main() {}
