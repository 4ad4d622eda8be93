// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

struct Net {
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.layer.forward(batch).mean();
    }
}

fn main() {}
