// mistakes: 1
use burn::prelude::*;
use lightning_core::prelude::*;

#[data_module]
pub struct Rows<const N: usize> {
    #[state]
    rows: Vec<Tensor<2>>,
}

#[data_module]
impl<const N: usize> Rows<N> {
    fn train_dataloader(&self) -> Vec<Tensor<2>> {
        self.rows.clone()
    }
}

impl<const N: usize> Rows<N> {
    pub fn val_dataloader(&self) -> Vec<Tensor<2>> {
        self.rows.clone()
    }
}

fn main() {}
