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
    #[manual_optimization]
    fn training_step(&mut self, batch: Tensor<2>, optimizers: &mut Optimizers<Self>) -> Result<()> {
        let loss = self.critic.forward(self.generator.forward(batch)).mean();
        let gradients = optimizers.backward(self, loss)?;
        optimizers.step(Self::CRITIC, self, gradients)
    }

    fn configure_gradient_clipping(&mut self) {}
}

fn main() {}
