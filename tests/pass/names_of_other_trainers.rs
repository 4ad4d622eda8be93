//! Fields, hyperparameters, options and metrics with names of other trainers.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = learning_rate, group(layer, weight_decay = weight_decay, lr = learning_rate))]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 0.1)]
    learning_rate: f64,
    #[hparam(default = 1e-4)]
    weight_decay: f64,
    #[hparam(default = 0.9)]
    momentum: f64,
    #[hparam(default = 3)]
    gpus: usize,
    #[state]
    callback_metrics: Vec<f64>,
    #[state]
    ckpt_path: String,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let _ = (self.momentum, self.gpus, &self.ckpt_path);
        #[log]
        let learning_rate = self.learning_rate;
        #[log(minimize)]
        let sync_dist = self.layer.forward(batch).mean();
        sync_dist
    }
    fn on_train_batch_end(&mut self) {
        self.callback_metrics.push(1.0);
    }
    fn default_rate(&self) -> f64 {
        self.learning_rate
    }
}

#[test]
fn it_trains() {
    let mut net = Net::new(NetHparams::default().with_learning_rate(0.2));
    let report = quick(Net::trainer()).build().unwrap().fit(&mut net, rows()).unwrap();
    assert_eq!(report.metrics.get(Net::LEARNING_RATE), Some(0.2));
    assert_eq!(net.callback_metrics.len(), 2);
    assert_eq!(net.default_rate(), 0.2);
}
