//! Names of hooks that are no hooks: methods of traits, marked methods, private ones of another module, macro calls in a
//! plain impl; and the crate's own traits in scope.
#![deny(warnings)]

use burn::{
    module::{Module, ModuleDisplay},
    nn::*,
    optim::SgdConfig,
    prelude::*,
};
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
}

/// A trait with the names of hooks, for modules, a generic one included, and a data module.
trait Phases {
    fn on_fit_end(&self) -> usize {
        10
    }
    fn on_train_start(&mut self, by: usize) -> usize {
        by
    }
    fn validation_step(&self) -> usize {
        11
    }
    fn val_dataloader() -> usize {
        12
    }
    fn configure_optimizers(self) -> usize
    where
        Self: Sized,
    {
        13
    }
    const TEST_STEP: usize = 14;
}

impl Phases for Net {}
impl<const N: usize> Phases for Wide<N> {}
impl<M: Module + ModuleDisplay + 'static> Phases for Holding<M> {}
impl Phases for Data {}

#[lightning_module]
struct Wide<const N: usize> {
    #[init(LinearConfig::new(N, 1).init(device))]
    layer: Linear,
}

#[lightning_module]
impl<const N: usize> Wide<N> {
    fn predict_step(&self, batch: Tensor<2>) -> Tensor<2> {
        self.layer.forward(batch)
    }
}

#[lightning_module]
struct Holding<M: Module + ModuleDisplay + 'static> {
    inner: M,
}

#[lightning_module]
impl<M: Module + ModuleDisplay + 'static> Holding<M> {
    fn init(_hparams: &HoldingHparams, _device: &Device) -> Self {
        panic!("not built here")
    }
    fn predict_step(&self, batch: Tensor<2>) -> Tensor<2> {
        let _ = &self.inner;
        batch
    }
}

/// A type may have a constructor of the name `init` in a plain impl.
impl Net {
    fn init(device: &Device) -> Self {
        Self::new_on(NetHparams::default(), device)
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
    assert_eq!(model.setup() + model.teardown() + model.prepare_data(), 6);
    assert_eq!((model.on_fit_start("name"), train(&model)), (4, 6));
    assert_eq!((Phases::validation_step(&model), model.on_train_start(5), Phases::on_fit_end(&data)), (11, 5, 10));
    assert_eq!((<Net as Phases>::val_dataloader(), Net::TEST_STEP), (12, 14));
    assert_eq!(Net::init(&Device::default()).configure_optimizers(), 13);
    let wide = Wide::<4>::new(WideHparams::default());
    assert_eq!((wide.on_fit_end(), wide.validation_step()), (10, 11));
    let holding = std::panic::catch_unwind(|| Holding::<Linear>::new(HoldingHparams::default()));
    assert!(holding.is_err());
    quick(Net::trainer()).build().unwrap().fit(&mut model, &mut data).unwrap();
}
