// mistakes: 1
use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub struct Net<const N: usize> {
    #[init(LinearConfig::new(N, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl<const N: usize> Net<N> {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

impl<const N: usize> Net<N> {
    pub fn on_fit_end(&mut self) {
        let _ = N;
    }
}

fn main() {}
