//! A public module with a hyperparameter of a private type, and one that predicts a type of its own.
#![deny(warnings)]
#![allow(unreachable_pub, reason = "a public module is the subject")]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::{quick, rows};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Kind {
    #[default]
    Plain,
    Doubled,
}

pub struct Scores {
    of_rows: Tensor<2>,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = Kind::Doubled)]
    kind: Kind,
}

type Prediction = Scores;

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.predict_step(batch).of_rows.mean()
    }
    fn predict_step(&self, batch: Tensor<2>) -> Prediction {
        let scores = self.layer.forward(batch);
        let of_rows = if self.kind == Kind::Plain { scores } else { scores * 2.0 };
        Scores { of_rows }
    }
}

#[test]
fn it_trains_and_predicts() {
    let mut net = Net::new(NetHparams::default());
    let mut trainer = quick(Net::trainer()).build().unwrap();
    trainer.fit(&mut net, rows()).unwrap();
    let predicted = trainer.predict(&mut net, rows()).unwrap();
    assert_eq!(predicted.len(), 2);
    assert_eq!(predicted[0].of_rows.dims(), [4, 1]);
}
