// mistakes: 4
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let scale = if self.current_epoch < 5 { 0.1 } else { 1.0 };
        let batch = batch.to_device(&self.device);
        if self.trainer.is_global_zero && self.global_step % 10 == 0 {
            println!("{scale}");
        }
        self.layer.forward(batch).mean() * scale
    }
}

fn main() {}
