//! A module whose neighbours are called like the standard library. (`Option` cannot be among them:
//! Burn's derive names it.)
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{DataLoader, data_module, lightning_module};

use super::{quick, rows};

struct Result;
struct Vec;
struct String;

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 0.5)]
    scale: f64,
    #[buffer(Tensor::ones([1], device))]
    ones: Tensor<1>,
    #[state]
    seen: usize,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        let _ = (Result, Vec, String);
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean() * self.scale + self.ones.clone();
        train_loss
    }
    fn predict_step(&self, batch: Tensor<2>) -> std::result::Result<Tensor<2>, lightning_core::Error> {
        Ok(self.layer.forward(batch))
    }
    fn on_train_batch_end(&mut self) {
        self.seen += 1;
    }
}

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn train_dataloader(&self) -> lightning_core::Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(rows())
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut model, &mut Data::new(DataHparams::default())).unwrap();
    assert_eq!(model.seen, 2);
}
