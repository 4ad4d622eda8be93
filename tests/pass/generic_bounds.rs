//! Generic modules: bounds in a where clause, by a trait of the program, of containers and of data,
//! and impls with fewer bounds than the struct.
#![deny(warnings)]

use std::{fmt::Debug, marker::PhantomData};

use burn::{
    module::{Module, ModuleDisplay},
    nn::*,
    optim::SgdConfig,
    prelude::*,
};
use lightning_core::prelude::*;

use super::{quick, rows};

/// A part of a model, with all that a field needs.
trait Block: Module + ModuleDisplay + 'static {
    fn make(device: &Device) -> Self;
    fn run(&self, x: Tensor<2>) -> Tensor<2>;
}

impl Block for Linear {
    fn make(device: &Device) -> Self {
        LinearConfig::new(4, 4).init(device)
    }
    fn run(&self, x: Tensor<2>) -> Tensor<2> {
        self.forward(x)
    }
}

/// A part that is generic itself.
#[derive(Debug, Module)]
struct Twice<M: Module + ModuleDisplay> {
    inner: M,
}

impl<M: Block> Twice<M> {
    fn make(device: &Device) -> Self {
        Self { inner: M::make(device) }
    }
    fn run(&self, x: Tensor<2>) -> Tensor<2> {
        self.inner.run(self.inner.run(x))
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Deep<M, T, const N: usize>
where
    M: Block,
    T: Clone + Debug + Send + 'static,
{
    #[init((0..N).map(|_| M::make(device)).collect())]
    blocks: Vec<M>,
    #[init(Twice::make(device))]
    twice: Twice<M>,
    #[init((M::make(device), LinearConfig::new(4, 1).init(device)))]
    last: (M, Linear),
    #[state(skip)]
    note: Option<T>,
    #[state(skip)]
    marker: PhantomData<T>,
}

#[lightning_module]
impl<M: Block, T, const N: usize> Deep<M, T, N>
where
    T: Clone + Debug + Send + 'static,
{
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.blocks.iter().fold(x, |x, block| block.run(x));
        self.last.1.forward(self.last.0.run(self.twice.run(x)))
    }
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.forward(batch).powi_scalar(2).mean();
        train_loss
    }
    fn on_train_epoch_end(&mut self) {
        let _ = (self.note.clone(), self.marker);
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Head<M: Module + ModuleDisplay + Block> {
    inner: M,
}

#[lightning_module]
impl<M: Block> Head<M> {
    fn init(_hparams: &HeadHparams, device: &Device) -> Self {
        Self { inner: M::make(device) }
    }
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.inner.run(batch).mean();
        train_loss
    }
}

impl<M: Block> Head<M> {
    fn count(&self) -> usize {
        Module::num_params(&self.inner)
    }
}

fn fit_any<M: Block>() -> Option<f64> {
    let mut model = Head::<M>::new(HeadHparams::default());
    let report = quick(Head::<M>::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
    assert!(model.count() > 0);
    report.get(Head::<M>::TRAIN_LOSS)
}

#[test]
fn runs() {
    let mut model = Deep::<Linear, String, 2>::new(DeepHparams::default());
    let report = quick(Deep::<Linear, String, 2>::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
    assert!(report.get(Deep::<Linear, String, 2>::TRAIN_LOSS).is_some());
    assert!(fit_any::<Linear>().is_some());
}
