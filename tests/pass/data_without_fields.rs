//! A data module that is nothing but its loaders.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

#[data_module]
struct Data;

#[data_module]
impl Data {
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(rows())
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    let report = quick(Net::trainer()).build().unwrap().fit(&mut model, &mut Data).unwrap();
    assert_eq!(report.batch_step, 2);
}
