//! The driver of a module type: the only code that is compiled for every module.

use burn::tensor::Device;

use crate::{
    callbacks::Callback,
    data::{NamedFetcher, RunData},
    engine::{checkout::Checkout, run::RunState},
    error::Result,
    module::{FitContext, LightningModule},
    optim::OptimizerSetup,
    params::StateWriter,
    precision::Numerics,
};

mod checkpoint;
mod hooks;
mod loaders;
mod model;
mod steps;

pub(crate) use self::{
    checkpoint::take_snapshot,
    model::{for_evaluation, for_training},
};

/// How a trainer makes its module's optimizers; absent for entry points that need none.
type Configure<M> = fn(&M, &FitContext) -> Result<Vec<OptimizerSetup>>;

/// The state of every callback, by its key.
type CallbackStates = Vec<(String, StateWriter)>;

/// What was put aside.
pub(super) struct Kept<M> {
    module: M,
    callbacks: CallbackStates,
    /// Of the module in training form.
    frozen: Vec<String>,
}

/// The driver of a module type.
pub(crate) struct ModuleDriver<'a, M: LightningModule> {
    module: Checkout<'a, M>,
    kept: Option<Kept<M>>,
    /// The callbacks' states of a copy that was brought back.
    kept_states: Option<CallbackStates>,
    callbacks: &'a mut [Box<dyn Callback<M>>],
    source: Box<dyn RunData<M> + 'a>,
    configure: Option<Configure<M>>,
    numerics: Numerics,
    device: Device,
    train: Option<NamedFetcher<M>>,
    eval: Vec<NamedFetcher<M>>,
}

impl<'a, M: LightningModule> ModuleDriver<'a, M> {
    pub(crate) fn new(
        module: Checkout<'a, M>,
        callbacks: &'a mut [Box<dyn Callback<M>>],
        source: Box<dyn RunData<M> + 'a>,
        configure: Option<Configure<M>>,
        run: &RunState,
    ) -> Self {
        Self {
            module,
            kept: None,
            kept_states: None,
            callbacks,
            source,
            configure,
            numerics: run.settings.numerics,
            device: run.progress.device.clone(),
            train: None,
            eval: Vec::new(),
        }
    }
}
