// mistakes: 2
use burn::{nn::*, optim::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
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
        optimizers.step(Self::OPTIMIZER, self, gradients)
    }
}

fn main() -> Result<()> {
    let _accumulated = Net::trainer().max_epochs(3).accumulate_grad_batches(4).build()?;
    let _clipped = Net::trainer().max_epochs(3).gradient_clip_val(1.0).build()?;
    Ok(())
}
