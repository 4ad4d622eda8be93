//! A module that has its loaders itself.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::prelude::*;

use super::{quick, rows};

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
    #[hparam(default = 2)]
    batches: usize,
    #[state(skip)]
    data: Vec<Tensor<2>>,
}

#[lightning_module]
impl Net {
    fn setup(&mut self) {
        self.data = rows();
    }
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
    fn validation_step(&self, batch: Tensor<2>) {
        drop(batch);
    }
    fn test_step(&self, batch: Tensor<2>) {
        drop(batch);
    }
    fn predict_step(&self, batch: Tensor<2>) -> usize {
        batch.dims()[0]
    }
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(self.data[..self.batches].to_vec())
    }
    fn val_dataloader(&self) -> Vec<DataLoader<Tensor<2>>> {
        vec![DataLoader::from_batches(rows()).unwrap(), DataLoader::from_batches(rows()).unwrap()]
    }
    fn test_dataloader(&mut self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(std::mem::take(&mut self.data))
    }
    #[cfg(not(windows))]
    fn predict_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(rows())
    }
    /// An ordinary name on a module.
    fn train_loader(&self) -> usize {
        self.batches
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct TrainingOnly {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl TrainingOnly {
    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.layer.forward(batch).mean()
    }
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(rows())
    }
}

#[test]
fn the_module_gives_its_data() {
    let mut model = Net::new(NetHparams::default());
    assert_eq!(model.train_loader(), 2);
    let mut trainer = quick(Net::trainer()).reload_dataloaders_every_n_epochs(1).build().unwrap();
    let report = trainer.fit(&mut model, ()).unwrap();
    assert_eq!((report.batch_step, report.validation_runs), (2, 1));
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert_eq!(trainer.validate(&mut model, ()).unwrap().batches, 4);
    assert_eq!(trainer.test(&mut model, ()).unwrap().batches, 2);
    #[cfg(not(windows))]
    assert_eq!(trainer.predict(&mut model, ()).unwrap(), [4, 4]);

    let mut model = TrainingOnly::new(TrainingOnlyHparams::default());
    quick(TrainingOnly::trainer()).build().unwrap().fit(&mut model, ()).unwrap();
}
