// mistakes: 5
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
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
    fn epoch_end(&mut self) {}
    fn train_epoch_start(&mut self) {}
    fn validation_epoch_start(&mut self) {}
    fn train_batch_end(&mut self) {}
    fn batch_start(&mut self) {}
}

fn main() {}
