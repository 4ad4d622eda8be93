//! Methods whose names have words of hooks, and are none.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[state]
    calls: usize,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.step(self.before(batch)).mean()
    }
    fn on_train_batch_end(&mut self) {
        self.train_loop();
        self.save_checkpoint();
        self.load_checkpoint();
        self.on_loss();
        self.pre_backward();
        self.train_data();
        self.evaluate();
        self.validation_loop();
        self.end_of_epoch();
        self.clip_gradient();
        self.zero_grad();
        self.calls += self.train_loader() + self.val_loader();
    }
    fn step(&self, batch: Tensor<2>) -> Tensor<2> {
        self.layer.forward(batch)
    }
    fn before(&self, batch: Tensor<2>) -> Tensor<2> {
        batch
    }
    fn train_loop(&mut self) {
        self.calls += 1;
    }
    fn save_checkpoint(&mut self) {
        self.calls += 1;
    }
    fn load_checkpoint(&mut self) {
        self.calls += 1;
    }
    fn on_loss(&mut self) {
        self.calls += 1;
    }
    fn pre_backward(&mut self) {
        self.calls += 1;
    }
    fn train_data(&mut self) {
        self.calls += 1;
    }
    fn evaluate(&mut self) {
        self.calls += 1;
    }
    fn validation_loop(&mut self) {
        self.calls += 1;
    }
    fn end_of_epoch(&mut self) {
        self.calls += 1;
    }
    fn clip_gradient(&mut self) {
        self.calls += 1;
    }
    fn zero_grad(&mut self) {
        self.calls += 1;
    }
    /// The index of a loader, and no loader.
    fn train_loader(&self) -> usize {
        1
    }
    fn val_loader(&self) -> usize {
        1
    }
}

#[test]
fn they_are_called_by_hand_only() {
    let mut net = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut net, rows()).unwrap();
    assert_eq!(net.calls, 2 * 13);
}
