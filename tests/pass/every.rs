//! `#[every]` and `#[once]` on hooks with every kind of number, also of a generic module.
#![deny(warnings)]

use std::ops::ControlFlow;

use burn::{module::ModuleDisplay, nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

const OFTEN: u64 = 1;

trait Layer {
    const EVERY: u64;
    fn make(device: &Device) -> Self;
    fn apply(&self, x: Tensor<2>) -> Tensor<2>;
}

impl Layer for Linear {
    const EVERY: u64 = 2;
    fn make(device: &Device) -> Self {
        LinearConfig::new(4, 1).init(device)
    }
    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        self.forward(x)
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net<L: Layer + Module + ModuleDisplay + 'static> {
    #[init(L::make(device))]
    layer: L,
    #[state]
    called: Vec<String>,
}

#[lightning_module]
impl<L: Layer + Module + ModuleDisplay + 'static> Net<L> {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.apply(batch).mean()
    }
    #[every(L::EVERY)]
    fn on_train_batch_end(&mut self, batch: &Tensor<2>, batch_idx: usize) {
        self.called.push(format!("end {batch_idx} {:?}", batch.dims()));
    }
    #[once(OFTEN + 1)]
    fn on_train_batch_start(&mut self) -> ControlFlow<()> {
        self.called.push("start".to_owned());
        ControlFlow::Continue(())
    }
    #[every(1, epochs)]
    fn on_before_optimizer_step(&mut self) -> Result<()> {
        self.called.push("step".to_owned());
        Ok(())
    }
    #[cfg(debug_assertions)]
    #[every(2)]
    fn on_after_backward(&mut self) {
        self.called.push("backward".to_owned());
    }
    #[cfg(not(debug_assertions))]
    #[every(OFTEN)]
    fn on_after_backward(&mut self) {}
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Plain {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[state]
    called: usize,
}

impl Plain {
    const OFTEN: u64 = 2 * OFTEN;
}

#[lightning_module]
impl Plain {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
    #[every(Self::OFTEN / 2)]
    fn on_train_batch_end(&mut self) {
        self.called += 1;
    }
    #[every(self::OFTEN)]
    fn on_train_epoch_end(&mut self) {
        self.called += 10;
    }
}

#[test]
fn runs() {
    let mut model = Net::<Linear>::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
    #[cfg(debug_assertions)]
    assert_eq!(model.called, ["step", "start", "backward", "step", "end 1 [4, 4]"]);
    let mut plain = Plain::new(PlainHparams::default());
    quick(Plain::trainer()).build().unwrap().fit(&mut plain, rows()).unwrap();
    assert_eq!(plain.called, 12);
}
