// mistakes: 1
use burn::{nn::*, optim::AdamConfig, prelude::*};
use lightning_core::prelude::*;
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-3)]
pub struct Net<T> {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[state(skip)]
    value: Option<T>,
}
#[lightning_module]
impl<T> Net<T> {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}
fn main() {}
