//! Attributes with their paths, and the optimizer in a `#[cfg_attr]`, which rustc resolves before
//! the macro is called.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{DataLoader, Result};

use super::{quick, rows};

#[lightning_core::lightning_module]
#[lightning_core::optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_core::lightning_module]
impl Net {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

#[lightning_core::lightning_module]
#[cfg_attr(all(), optimizer(SgdConfig::new(), lr = 0.1))]
#[cfg_attr(any(), optimizer(SgdConfig::new(), lr = 100.0))]
struct Conditional {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_core::lightning_module]
impl Conditional {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
}

#[lightning_core::data_module]
struct Rows {}

#[lightning_core::data_module]
impl Rows {
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(rows())
    }
}

#[test]
fn both_train() {
    let mut net = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut net, &mut Rows::new(RowsHparams::default())).unwrap();
    let mut conditional = Conditional::new(ConditionalHparams::default());
    quick(Conditional::trainer()).build().unwrap().fit(&mut conditional, rows()).unwrap();
}
