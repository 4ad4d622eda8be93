// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[derive(Batch)]
struct Heavy {
    images: Tensor<2>,
}

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
    fn critic_step(&self, batch: Heavy) -> Tensor<1> {
        self.critic.forward(batch.images).mean()
    }
    #[training_step(optimizer = generator)]
    fn generator_step(&self, batch: Heavy) -> Tensor<1> {
        self.critic.forward(self.generator.forward(batch.images)).mean()
    }
}

fn main() {}
