// mistakes: 1
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[derive(Batch)]
struct Heavy {
    images: Tensor<2>,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Heavy) -> Tensor<1> {
        self.layer.forward(batch.images).mean()
    }
    fn on_train_batch_end(&mut self, batch: &Heavy) {
        println!("{:?}", batch.images.dims());
    }
}

fn main() {}
