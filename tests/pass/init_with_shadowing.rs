//! Expressions of `#[init]` whose own variables and functions have the names of later fields.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

/// A function with the name of a field.
fn activation(width: usize) -> usize {
    width
}

mod sizes {
    pub(super) const fn tail() -> usize {
        3
    }
}

struct Sizes {
    head: usize,
}

impl Sizes {
    fn grow(&self) -> usize {
        self.head
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init({
        let head = Sizes { head: 5 };
        LinearConfig::new(4, head.grow()).init(device)
    })]
    neck: Linear,
    #[init((0..2).map(|tail: usize| LinearConfig::new(5, tail.max(sizes::tail())).init(device)).collect::<Vec<_>>())]
    branches: Vec<Linear>,
    #[init(LinearConfig::new(3, [7].map(activation)[0]).init(device))]
    body: Linear,
    #[init(LinearConfig::new(7, 2).init(device))]
    tail: Linear,
    #[init(LinearConfig::new(tail.weight.dims()[1], 1).init(device))]
    head: Linear,
    #[init(Relu::new())]
    activation: Relu,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let x = self.neck.forward(batch);
        let x = self.branches.iter().map(|branch| branch.forward(x.clone())).fold(None, |sum, x| match sum {
            None => Some(x),
            Some(sum) => Some(sum + x),
        });
        let x = self.body.forward(x.unwrap());
        self.head.forward(self.activation.forward(self.tail.forward(x))).mean()
    }
}

#[test]
fn it_trains() {
    let mut net = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut net, rows()).unwrap();
}
