//! Everything that the macros emit is documented: a public module in a crate that denies
//! `missing_docs`, `missing_debug_implementations` and all warnings. It is part of the library,
//! since a test crate is not checked for documentation.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

/// A batch.
#[derive(Batch, Clone, Debug)]
pub struct Rows {
    /// The inputs.
    pub x: Tensor<2>,
}

/// A module.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
pub struct Documented {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam]
    depth: usize,
    #[hparam(default = 0.1)]
    lr: f64,
}

#[lightning_module]
impl Documented {
    /// The loss.
    pub fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.layer.forward(batch.x).mean();
        train_loss
    }
}

/// Built by hand.
#[lightning_module]
pub struct ByHand {
    layer: Linear,
}

#[lightning_module]
impl ByHand {
    fn init(_hparams: &ByHandHparams, device: &Device) -> Self {
        Self { layer: LinearConfig::new(4, 1).init(device) }
    }
    /// The prediction.
    pub fn predict_step(&self, batch: Rows) -> Tensor<2> {
        self.layer.forward(batch.x)
    }
}

/// Data.
#[derive(Debug)]
#[data_module]
pub struct DocumentedData {
    #[hparam(default = 2)]
    batches: usize,
}

#[data_module]
impl DocumentedData {
    /// The training batches.
    pub fn train_dataloader(&self) -> Vec<Rows> {
        vec![Rows { x: Tensor::ones([4, 4], &Device::default()) }; self.batches]
    }
}
