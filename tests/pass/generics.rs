//! A type parameter, a constant one and a where clause.
#![deny(warnings)]

use burn::{module::ModuleDisplay, nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

trait Block {
    fn forward(&self, x: Tensor<2>) -> Tensor<2>;
}

impl Block for Linear {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        Self::forward(self, x)
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Net<M, const N: usize>
where
    M: Module + ModuleDisplay + Block + Sync + From<Linear> + 'static,
{
    #[init((0..N).map(|_| M::from(LinearConfig::new(4, 4).init(device))).collect())]
    blocks: Vec<M>,
    #[hparam(default = 0.1)]
    lr: f64,
}

#[lightning_module]
impl<M, const N: usize> Net<M, N>
where
    M: Module + ModuleDisplay + Block + Sync + From<Linear> + 'static,
{
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.blocks.iter().fold(batch, |x, block| block.forward(x)).mean();
        train_loss
    }
}

#[test]
fn runs() {
    let mut model = Net::<Linear, 2>::new(NetHparams::default());
    let key = Net::<Linear, 2>::TRAIN_LOSS;
    let trainer = Net::trainer().callback(EarlyStopping::new(key));
    quick(trainer).build().unwrap().fit(&mut model, rows()).unwrap();
}
