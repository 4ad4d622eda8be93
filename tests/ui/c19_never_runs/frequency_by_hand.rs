// mistakes: 1
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = Cosine::new(0.1, 100), interval = step, frequency = 2)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    #[manual_optimization]
    fn training_step(&mut self, batch: Tensor<2>, optimizers: &mut Optimizers<Self>) -> Result<()> {
        let loss = self.layer.forward(batch).mean();
        let gradients = optimizers.backward(self, loss)?;
        optimizers.step(Self::OPTIMIZER, self, gradients)?;
        optimizers.scheduler(Self::OPTIMIZER)?.step()
    }
}

fn main() {}
