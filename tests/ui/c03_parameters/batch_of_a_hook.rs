// mistakes: 3
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn on_train_batch_start(&mut self, batch: Tensor<2>) {
        drop(batch);
    }
    fn on_train_batch_end(&mut self, outputs: Vec<f32>) {
        drop(outputs);
    }
    fn on_validation_batch_end(&mut self, batch: &mut Tensor<2>) {
        let _ = batch;
    }
}

fn main() {}
