// mistakes: 1
use burn::{module::Module, nn::*, optim::AdamConfig, prelude::*};
use lightning_core::prelude::*;

pub trait Block {
    fn make(device: &Device) -> Self;
    fn run(&self, x: Tensor<2>) -> Tensor<2>;
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-3)]
pub struct Head<M>
where
    M: Module + Block,
{
    #[init(M::make(device))]
    inner: M,
    #[init(LinearConfig::new(4, 1).init(device))]
    last: Linear,
}

#[lightning_module]
impl<M> Head<M>
where
    M: Module + Block,
{
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.last.forward(self.inner.run(batch)).mean();
        train_loss
    }
    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.last.forward(self.inner.run(batch)).mean();
    }
}

fn main() {}
