//! The runtime crate under another name.
#![deny(warnings)]

extern crate lightning_core as lc;

use burn::{nn::*, optim::SgdConfig, prelude::*};

use super::{quick, rows};

#[lc::lightning_module(crate = lc)]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Net {
    #[init(LinearConfig::new(4, 1).init(device))]
    layer: Linear,
}

#[lc::lightning_module(crate = lc)]
impl Net {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = self.layer.forward(batch.x).mean();
        train_loss
    }
    fn on_fit_end(&mut self, cx: &mut lc::HookContext) {
        let _ = cx;
    }
}

#[derive(lc::Batch, Clone, Debug)]
#[batch(crate = lc)]
struct Rows {
    x: Tensor<2>,
}

#[lc::data_module(crate = lc)]
struct Data {
    #[hparam(default = 2)]
    batches: usize,
}

#[lc::data_module(crate = lc)]
impl Data {
    fn train_dataloader(&self) -> lc::Result<lc::DataLoader<Rows>> {
        let batches: Vec<Rows> = rows().into_iter().take(self.batches).map(|x| Rows { x }).collect();
        lc::DataLoader::from_batches(batches)
    }
}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    quick(Net::trainer()).build().unwrap().fit(&mut model, &mut Data::new(DataHparams::default())).unwrap();
}
