//! Names of hooks that are no hooks: methods of traits, marked methods, private ones of another module, macro calls in a
//! plain impl; and the crate's own traits in scope.
#![deny(warnings)]

use burn::{nn::*, optim::SgdConfig, prelude::*};
use lightning_core::{
    data::DataModule,
    module::{ConfigureOptimizers, LightningImpl, LightningStruct, TrainingStep},
    prelude::*,
};

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
    #[not_a_hook]
    fn on_fit_start(&self, name: &str) -> usize {
        name.len()
    }
    #[cfg(not(all()))]
    fn on_fit_end(&mut self) {}
}

trait Device2 {
    fn setup(&self) -> usize;
    fn teardown(&self) -> usize;
    fn prepare_data(&self) -> usize;
    fn init(&self) -> usize;
}

impl Device2 for Net {
    fn setup(&self) -> usize {
        1
    }
    fn teardown(&self) -> usize {
        2
    }
    fn prepare_data(&self) -> usize {
        3
    }
    fn init(&self) -> usize {
        4
    }
}

macro_rules! helpers {
    ($($name:ident = $value:expr;)*) => {
        $(fn $name(&self) -> usize { $value })*
    };
}

impl Net {
    helpers! { one = 1; two = 2; }
}

#[data_module]
struct Data {}

#[data_module]
impl Data {
    fn train_dataloader(&self) -> Result<DataLoader<Tensor<2>>> {
        DataLoader::from_batches(rows())
    }
}

impl Data {
    fn batches(&self) -> usize {
        rows().len()
    }
}

fn train<M: LightningModule + LightningStruct + LightningImpl + TrainingStep + ConfigureOptimizers>(
    model: &M,
) -> usize {
    M::OPTIMIZERS.len() + model.num_params()
}

fn is_data<D: DataModule>(_: &D) {}

#[test]
fn runs() {
    let mut model = Net::new(NetHparams::default());
    let mut data = Data::new(DataHparams::default());
    is_data(&data);
    assert_eq!((model.one() + model.two(), data.batches()), (3, 2));
    assert_eq!(Device2::setup(&model) + model.teardown() + model.prepare_data() + Device2::init(&model), 10);
    assert_eq!((model.on_fit_start("name"), train(&model)), (4, 6));
    quick(Net::trainer()).build().unwrap().fit(&mut model, &mut data).unwrap();
}
