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
    fn training_step(&mut self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
    fn on_fit_start(&self) {}
    async fn on_fit_end(&mut self) {}
}

fn main() {}
