//! A data module with state, hooks and a required hyperparameter.
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
        #[log(minimize)]
        let train_loss = self.layer.forward(batch).mean();
        train_loss
    }
    fn validation_step(&self, batch: Tensor<2>) {
        #[log(minimize)]
        let val_loss = self.layer.forward(batch).mean();
    }
}

#[data_module]
struct Data {
    #[hparam]
    batches: usize,
    #[hparam(default = 1)]
    repeats: usize,
    #[state]
    runs: usize,
    #[state(skip)]
    ready: Vec<Tensor<2>>,
}

#[data_module]
impl Data {
    fn prepare_data(&mut self) {
        self.runs += 1;
    }
    fn setup(&mut self, stage: Stage) -> Result<()> {
        assert_eq!(stage, Stage::Fit);
        self.ready = rows().into_iter().cycle().take(self.batches * self.repeats).collect();
        Ok(())
    }
    fn train_dataloader(&mut self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(self.ready.clone())
    }
    fn val_dataloader(&self) -> Vec<Tensor<2>> {
        self.ready.clone()
    }
    fn teardown(&mut self) {
        self.ready.clear();
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    let mut data = Data::new(DataHparams::new(2).with_repeats(2));
    quick(Net::trainer()).build().unwrap().fit(&mut model, &mut data).unwrap();
    assert_eq!((data.runs, data.ready.len()), (1, 0));
}
