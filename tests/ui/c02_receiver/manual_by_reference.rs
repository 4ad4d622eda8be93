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
    fn training_step(&self, batch: Tensor<2>, optimizers: &mut Optimizers<Self>) -> Result<()> {
        let _ = (batch, optimizers);
        Ok(())
    }
}

fn main() {}
