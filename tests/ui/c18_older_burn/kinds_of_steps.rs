// mistakes: 3
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
    fn training_step(&self, (x, y): (Tensor<2, f32>, Tensor<1, i64>)) -> Tensor<1> {
        let _ = y;
        self.layer.forward(x).mean()
    }
    fn predict_step(&self, batch: Tensor<2, f64>) -> Tensor<2> {
        self.layer.forward(batch)
    }
}

fn main() {}
