// mistakes: 1
use burn::{
    module::{Module, ModuleDisplay},
    nn::*,
    optim::SgdConfig,
    prelude::*,
};
use lightning_core::prelude::*;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub struct Net<M: Module + ModuleDisplay + Default + 'static> {
    #[init(M::default())]
    inner: M,
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl<M: Module + ModuleDisplay + Default + 'static> Net<M> {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

impl<M: Module + ModuleDisplay + Default + 'static> Net<M> {
    pub fn on_fit_end(&mut self) {
        let _ = &self.inner;
    }
}

fn main() {}
