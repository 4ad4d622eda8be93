//! A schedule that monitors a value of each step, which differs between the processes.

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use crate::models::Rows;

#[lightning_module]
#[optimizer(SgdConfig::new(),
    lr = schedulers::ReduceLROnPlateau::new(1.0).factor(0.7).patience(0), interval = step, monitor = train_loss)]
pub(crate) struct Watching {
    #[init(LinearConfig::new(8, 3).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Watching {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.layer.forward(batch.x), batch.y);
        train_loss
    }
}
