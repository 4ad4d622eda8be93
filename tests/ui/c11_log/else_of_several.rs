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
    fn validation_step(&self, batch: Tensor<2>) {
        #[log]
        let [Some(a), Some(b)] = [Some(1.0), batch.mean().into_scalar::<f64>().into()] else { return };
    }
}

fn main() {}
