//! Methods and fields of the user's own with names that PyTorch Lightning has on `self`.
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
    current_epoch: u64,
    #[state(skip)]
    logger: Vec<String>,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        assert!(self.current_epoch < 100 && self.log("a", 1) == 1);
        self.print("a step");
        self.layer.forward(batch).mean()
    }
    fn on_train_epoch_end(&mut self) {
        self.current_epoch += 1;
        let layer = &self.layer;
        self.logger.push(format!("{} {:?}", self.current_epoch, layer.weight.dims()));
        let (lines, epoch) = (&mut self.logger, self.current_epoch);
        lines.push(epoch.to_string());
    }
    fn print(&self, text: &str) {
        assert!(!text.is_empty());
    }
}

impl Net {
    fn log(&self, name: &str, value: usize) -> usize {
        name.len() * value
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut model, rows()).unwrap();
    assert_eq!((model.current_epoch, model.logger.len()), (1, 2));
}
