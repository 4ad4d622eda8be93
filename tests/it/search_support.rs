//! What the tests of searches share: a module with hyperparameters, and its space.

use std::{path::Path, process::Command};

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    prelude::*,
    search::{Space, choice, int, log_uniform, uniform},
};
use serde_json::Value;

use crate::{foreign, support::Rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
pub struct Searched {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
    #[hparam(default = 8)]
    width: usize,
    #[hparam(default = "adam".to_owned())]
    kind: String,
    #[hparam(default = 0.0)]
    momentum: f64,
}

#[lightning_module]
impl Searched {
    pub fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.layer.forward(batch.x), batch.y)
    }
    pub fn validation_step(&self, batch: Rows) {
        let logits = self.layer.forward(batch.x);
        #[log(maximize)]
        let val_acc = accuracy(&logits, &batch.y);
        #[log(minimize)]
        let val_loss = cross_entropy(logits, batch.y);
    }
}

pub fn space() -> Space<SearchedHparams> {
    Space::new()
        .set("lr", log_uniform(1e-4..1.0))
        .set("width", int(1..=64_usize))
        .set("kind", choice(["adam", "sgd"]))
        .set("momentum", uniform(0.0..0.9).when("kind", "sgd"))
}

/// The function that the studies search: the least value is near 0.016.
pub fn quadratic(hparams: &SearchedHparams) -> f64 {
    hparams.lr + hparams.width as f64 / 64.0
}

/// What Optuna does with a journal; `None` without it.
pub fn optuna(command: &str, journal: &Path, arguments: &[&str]) -> Option<Value> {
    let mut optuna = Command::new(foreign::python("OPTUNA_PYTHON", "optuna")?);
    optuna.arg(foreign::script("optuna_study.py")).arg(command).arg(journal).args(arguments);
    Some(foreign::json_of(&mut optuna))
}
