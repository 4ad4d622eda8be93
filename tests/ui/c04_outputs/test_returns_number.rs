// mistakes: 1
use burn::{nn::*, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn test_step(&self, batch: Tensor<2>) -> Result<f32> {
        Ok(self.layer.forward(batch).mean().into_scalar())
    }
}

fn main() {}
