//! The driver of a module type: implements the traits of [`driver`](super::driver) for one module,
//! its callbacks and its data.
//!
//! Like `hooks`, `checkout` and `manual`, it is compiled again for every module type, so that it
//! only converts between typed values and what the engine sees.

use burn::tensor::Device;

use crate::{
    callbacks::Callback,
    data::{NamedFetcher, RunData, Share},
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
    checkpoint::{data_hparams, take_snapshot},
    model::{for_evaluation, for_training},
};

/// The module's `configure_optimizers`.
type Configure<M> = fn(&M, &FitContext) -> Result<Vec<OptimizerSetup>>;

/// The states of the callbacks by their keys.
type CallbackStates = Vec<(String, StateWriter)>;

/// A copy of the module that it can be rolled back to.
pub(super) struct Rollback<M> {
    module: M,
    callbacks: CallbackStates,
    /// The frozen parameters. Stored, because a module in evaluation form does not tell which they
    /// are.
    frozen: Vec<String>,
}

/// The driver of a module type.
pub(crate) struct ModuleDriver<'a, M: LightningModule> {
    module: Checkout<'a, M>,
    /// The copy made by [`save_rollback`](super::driver::DriveCheckpoints::save_rollback).
    rollback: Option<Rollback<M>>,
    /// The states of the callbacks that the next snapshot stores in place of the current ones,
    /// after a rollback.
    rolled_back_states: Option<CallbackStates>,
    /// The module at the start of the current step, while steps are guarded.
    start: Option<M>,
    /// Whether the module has running statistics, which a clone would share.
    has_statistics: Option<bool>,
    callbacks: &'a mut [Box<dyn Callback<M>>],
    source: Box<dyn RunData<M> + 'a>,
    /// `None` in runs that do not train.
    configure: Option<Configure<M>>,
    numerics: Numerics,
    device: Device,
    /// Which batches of the loaders this process reads.
    share: Share,
    /// The number of processes.
    world_size: usize,
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
            rollback: None,
            rolled_back_states: None,
            start: None,
            has_statistics: None,
            callbacks,
            source,
            configure,
            numerics: run.settings.numerics,
            device: run.progress.device.clone(),
            share: run.share(),
            world_size: run.strategy.rank().world_size,
            train: None,
            eval: Vec::new(),
        }
    }
}
