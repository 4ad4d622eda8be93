//! Modules with the names of types of the standard library, and an impl by path.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Cell {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Cell {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

mod nested {
    use super::*;

    #[lightning_module]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    pub(super) struct Mutex {
        #[init(LinearConfig::new(4, 1).init(device))]
        pub(super) layer: Linear,
    }
}

#[lightning_module]
impl nested::Mutex {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

#[test]
fn both_train() {
    let mut cell = Cell::new(CellHparams::default());
    quick(Cell::trainer()).build().unwrap().fit(&mut cell, rows()).unwrap();
    let mut mutex = nested::Mutex::new(nested::MutexHparams::default());
    quick(nested::Mutex::trainer()).build().unwrap().fit(&mut mutex, rows()).unwrap();
}
