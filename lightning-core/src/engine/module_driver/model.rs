//! The parameters, the form and the optimizers of the module.

use std::collections::BTreeSet;

use burn::{
    module::Module,
    tensor::{Device, FloatDType},
};

use super::ModuleDriver;
use crate::{
    engine::driver::{DriveModel, Mode},
    error::Result,
    graph::{Example, Recording},
    module::{FitContext, LightningModule, record_forward},
    optim::{Optimizer, OptimizerSetup},
    os::panics::catch_panic,
    params::{ErasedVisitor, MapMode, ParamName, ValueMapper, frozen, parameters, running_statistics, visit},
    precision::Numerics,
    random::{Stream, derive_seed, with_generator},
};

impl<M: LightningModule> DriveModel for ModuleDriver<'_, M> {
    fn configure_optimizers(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>> {
        let module = self.module.get()?;
        match self.configure {
            Some(configure) => catch_panic(|| configure(module, cx)),
            None => Ok(Vec::new()),
        }
    }

    fn freeze_others(&mut self, optimizer: &Optimizer, frozen: &mut Vec<usize>) -> Result<()> {
        let trains = |index, id| optimizer.trains(index, id);
        self.module.apply(MapMode::FreezeOthers { trains: &trains, frozen })
    }

    fn unfreeze_others(&mut self, frozen: &[usize]) -> Result<()> {
        self.module.apply(MapMode::Unfreeze { frozen })
    }

    fn set_mode(&mut self, mode: Mode) -> Result<()> {
        let Self { numerics, device, .. } = &*self;
        let (numerics, device) = (*numerics, device.clone());
        self.module.transform(|module| match mode {
            Mode::Train => numerics.train(module, &device),
            Mode::Eval => module.valid(),
        })
    }

    fn frozen(&self) -> Result<Vec<String>> {
        frozen(self.module.get()?)
    }

    fn set_frozen(&mut self, paths: &[String]) -> Result<()> {
        let now: BTreeSet<String> = frozen(self.module.get()?)?.into_iter().collect();
        let paths: BTreeSet<String> = paths.iter().cloned().collect();
        let (freeze, thaw) = (&paths - &now, &now - &paths);
        self.module.apply(MapMode::Exactly { freeze: &freeze, thaw: &thaw })
    }

    fn has_forward(&self) -> bool {
        M::FORWARD
    }

    fn record(&self, example: &Example, lowering: Option<FloatDType>) -> Result<Recording> {
        record_forward(self.module.get()?, example, lowering)
    }

    fn parameters(&self) -> Result<Vec<ParamName>> {
        parameters(self.module.get()?)
    }

    fn running_statistics(&self) -> Result<BTreeSet<usize>> {
        running_statistics(self.module.get()?)
    }

    fn visit(&self, visitor: &mut dyn ErasedVisitor) -> Result<()> {
        visit(self.module.get()?, visitor)
    }

    fn update(&mut self, mapper: &mut dyn ValueMapper) -> Result<()> {
        self.module.update(mapper)
    }
}

/// Moves a module to the run's device, in training form. Initializes lazy parameters from the run's
/// seed.
pub(crate) fn for_training<M: Module>(module: M, device: &Device, seed: u64, numerics: Numerics) -> M {
    with_generator(device, derive_seed(seed, Stream::Init, u64::MAX, 0), || {
        numerics.begin_training(module.fork(&device.clone().autodiff()), device)
    })
}

/// Moves a module to the run's device, in evaluation form.
pub(crate) fn for_evaluation<M: Module>(module: M, device: &Device, seed: u64) -> M {
    with_generator(device, derive_seed(seed, Stream::Init, u64::MAX, 0), || module.to_device(device).valid())
}
