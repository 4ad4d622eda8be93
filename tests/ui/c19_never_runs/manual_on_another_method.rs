// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    #[init(LinearConfig::new(4, 1).init(device))]
    critic: Linear,
    #[init(LinearConfig::new(4, 4).init(device))]
    generator: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.critic.forward(self.generator.forward(batch)).mean()
    }

    #[manual_optimization]
    fn validation_step(&self, batch: Tensor<2>) {
        let _ = batch;
    }
}

fn main() {}
