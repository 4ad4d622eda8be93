//! Models of which the layers matter: several buckets of gradients, and a batch normalization with
//! the statistics of all processes.

use burn::{
    nn::*,
    optim::{AdamConfig, SgdConfig},
    prelude::*,
    tensor::activation::gelu,
};
use lightning_core::{nn::SyncBatchNorm, prelude::*};

use crate::models::Rows;

/// More than four million parameters.
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-4)]
pub(crate) struct Wide {
    #[init(LinearConfig::new(8, 1024).init(device))]
    fc1: Linear,
    #[init((0..4).map(|_| LinearConfig::new(1024, 1024).init(device)).collect())]
    hidden: Vec<Linear>,
    #[init(LinearConfig::new(1024, 3).init(device))]
    fc2: Linear,
}

#[lightning_module]
impl Wide {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        let first = gelu(self.fc1.forward(batch.x));
        let hidden = self.hidden.iter().fold(first, |x, layer| gelu(layer.forward(x)));
        cross_entropy(self.fc2.forward(hidden), batch.y)
    }
}

/// Without Adam, which would make steps of noise: a bias before the normalization has no gradient.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub(crate) struct Synced {
    #[init(LinearConfig::new(8, 16).init(device))]
    fc1: Linear,
    #[init(BatchNormConfig::new(16).init(device).into())]
    norm: SyncBatchNorm,
    #[init(LinearConfig::new(16, 3).init(device))]
    fc2: Linear,
}

#[lightning_module]
impl Synced {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc2.forward(gelu(self.norm.forward(self.fc1.forward(x))))
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        cross_entropy(self.forward(batch.x), batch.y)
    }
    fn validation_step(&self, batch: Rows) {
        #[log(minimize)]
        let val_loss = cross_entropy(self.forward(batch.x), batch.y);
    }
}
