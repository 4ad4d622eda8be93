//! Where a run gets its fetchers, with the type of the data erased.

use std::{any::Any, mem};

use serde_json::Value;

use super::NamedFetcher;
use crate::{
    data::DataModule,
    error::Result,
    params::{StateReader, StateWriter},
    stage::Stage,
};

/// The data of a run: loaders, a data module with its hooks, or the module's own loaders.
#[doc(hidden)]
pub trait RunData<M> {
    /// The name of the data module, if its state belongs into a checkpoint.
    fn name(&self) -> Option<&'static str> {
        None
    }

    /// The hyperparameters of the data module.
    fn hparams(&self) -> Result<Option<Value>> {
        Ok(None)
    }

    /// The data module itself, in `fit`.
    fn data_module(&mut self) -> Option<&mut dyn Any> {
        None
    }

    /// Writes the state fields of the data module.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Reads the state fields of the data module.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Prepares the data on this machine.
    fn prepare_data(&mut self) -> Result<()> {
        Ok(())
    }

    /// Runs before a stage.
    fn setup(&mut self, stage: Stage) -> Result<()> {
        let _ = stage;
        Ok(())
    }

    /// Runs after a stage, also after an error.
    fn teardown(&mut self, stage: Stage) -> Result<()> {
        let _ = stage;
        Ok(())
    }

    /// Whether the fetchers can be made more than once.
    fn can_reload(&self) -> bool {
        false
    }

    /// The fetcher of the training loader.
    fn train(&mut self, module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        let _ = module;
        Ok(Vec::new())
    }

    /// The fetchers of the validation, test or prediction loaders.
    fn eval(&mut self, module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        let _ = module;
        Ok(Vec::new())
    }
}

/// Loaders that were passed to the run. They can be read by one run.
pub(super) struct GivenLoaders<M> {
    pub(super) train: Vec<NamedFetcher<M>>,
    pub(super) eval: Vec<NamedFetcher<M>>,
}

impl<M> RunData<M> for GivenLoaders<M> {
    fn train(&mut self, _module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        Ok(mem::take(&mut self.train))
    }

    fn eval(&mut self, _module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        Ok(mem::take(&mut self.eval))
    }
}

/// Calls loader methods of `T`, a data module or the module itself, and adds the step.
pub(super) type Open<M, T> = Box<dyn Fn(&mut T) -> Result<Vec<NamedFetcher<M>>>>;

/// A data module.
pub(super) struct ModuleData<'d, M, D> {
    pub(super) data: &'d mut D,
    /// Set in `fit`, and only there: evaluation neither records nor reloads the data module.
    pub(super) train: Option<Open<M, D>>,
    pub(super) eval: Open<M, D>,
}

impl<M, D: DataModule> RunData<M> for ModuleData<'_, M, D> {
    fn name(&self) -> Option<&'static str> {
        self.train.as_ref().map(|_| D::__lightning_name())
    }

    fn hparams(&self) -> Result<Option<Value>> {
        self.data.hparams_value().map(Some)
    }

    fn data_module(&mut self) -> Option<&mut dyn Any> {
        Some(&mut *self.data)
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        self.data.save_state(state)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        self.data.load_state(state)
    }

    fn prepare_data(&mut self) -> Result<()> {
        self.data.prepare_data()
    }

    fn setup(&mut self, stage: Stage) -> Result<()> {
        self.data.setup(stage)
    }

    fn teardown(&mut self, stage: Stage) -> Result<()> {
        self.data.teardown(stage)
    }

    fn can_reload(&self) -> bool {
        self.train.is_some()
    }

    fn train(&mut self, _module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        self.train.as_ref().map_or_else(|| Ok(Vec::new()), |open| open(self.data))
    }

    fn eval(&mut self, _module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        (self.eval)(self.data)
    }
}

/// The loaders of the module itself.
pub(super) struct OwnLoaders<M> {
    /// Set in `fit`, and only there.
    pub(super) train: Option<Open<M, M>>,
    pub(super) eval: Open<M, M>,
}

impl<M> RunData<M> for OwnLoaders<M> {
    fn can_reload(&self) -> bool {
        self.train.is_some()
    }

    fn train(&mut self, module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        self.train.as_ref().map_or_else(|| Ok(Vec::new()), |open| open(module))
    }

    fn eval(&mut self, module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        (self.eval)(module)
    }
}
