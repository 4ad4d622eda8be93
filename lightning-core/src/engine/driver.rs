//! The object-safe view of a module that the engine works with, by subject.

use std::collections::BTreeSet;

use burn::tensor::FloatDType;

use super::run::RunState;
use crate::{
    batch::BatchWriter,
    checkpoint::{Checkpoint, Snapshot},
    data::{EpochOffset, StepCall},
    error::Result,
    graph::{Example, Recording},
    hooks::Hook,
    module::{FitContext, TrainingOutput},
    optim::{Optimizer, OptimizerSetup},
    params::{ErasedVisitor, ParamName, ValueMapper},
};

/// A module with its callbacks and data, as the engine sees them.
pub(crate) trait Driver: DriveHooks + DriveLoaders + DriveSteps + DriveModel + DriveCheckpoints {}

impl<T: DriveHooks + DriveLoaders + DriveSteps + DriveModel + DriveCheckpoints> Driver for T {}

/// The hooks of the module, the callbacks and the data module.
pub(crate) trait DriveHooks {
    fn prepare_data(&mut self, run: &mut RunState) -> Result<()>;
    fn setup(&mut self, run: &mut RunState) -> Result<()>;
    fn teardown(&mut self, run: &mut RunState) -> Result<()>;
    /// Runs the callbacks and then the module for a hook.
    fn hook(&mut self, hook: Hook, run: &mut RunState) -> Result<()>;
    /// Runs the monitoring and checkpoint callbacks for a hook at which they are called later.
    fn monitors(&mut self, hook: Hook, run: &mut RunState) -> Result<()>;
    /// Lets the callbacks give the module its final weights. Returns whether running statistics
    /// have to be recomputed for them.
    fn final_weights(&mut self, run: &mut RunState) -> Result<bool>;
}

/// The loaders of a run.
pub(crate) trait DriveLoaders {
    fn open_train(&mut self) -> Result<Option<LoaderInfo>>;
    fn open_eval(&mut self) -> Result<Vec<LoaderInfo>>;
    /// Whether the loaders can be opened again.
    fn can_reload(&self) -> bool;
    /// Reads the open loaders in the order of their data.
    fn disable_shuffle(&mut self);
    fn start(&mut self, loader: LoaderId, from: EpochOffset) -> Result<()>;
    /// Opens the loader at the position it was started at. `fetch` does this as well.
    fn open(&mut self, loader: LoaderId, run: &RunState) -> Result<()>;
    /// Makes the next batch ready. Returns `false` at the end of the data.
    fn fetch(&mut self, loader: LoaderId, run: &mut RunState) -> Result<bool>;
    /// Whether no batch follows in an open loader. Waits for the next batch of a loader that does
    /// not know its length.
    fn is_last(&mut self, loader: LoaderId) -> Result<bool>;
    fn end(&mut self, loader: LoaderId);
    /// Adds the ready training batch to `out`.
    fn show_batch(&self, out: &mut BatchWriter);
}

/// The steps of the module.
pub(crate) trait DriveSteps {
    /// Runs the step on the ready batch. What it logs is in the metric store afterwards.
    fn step(&mut self, loader: LoaderId, call: StepCall, run: &mut RunState) -> Result<Option<TrainingOutput>>;
    /// Runs the step of a module with manual optimization.
    fn manual_step(&mut self, run: &mut RunState) -> Result<Option<TrainingOutput>>;
}

/// The parameters, form and optimizers of the module.
pub(crate) trait DriveModel {
    fn configure_optimizers(&self, cx: &FitContext) -> Result<Vec<OptimizerSetup>>;
    /// Freezes the parameters that an optimizer does not train, and adds those that were trainable
    /// to `frozen`.
    fn freeze_others(&mut self, optimizer: &Optimizer, frozen: &mut Vec<usize>) -> Result<()>;
    /// Unfreezes the parameters that [`freeze_others`](Self::freeze_others) froze.
    fn unfreeze_others(&mut self, frozen: &[usize]) -> Result<()>;
    fn set_mode(&mut self, mode: Mode) -> Result<()>;
    /// The paths of the parameters that take no gradient.
    fn frozen(&self) -> Result<Vec<String>>;
    /// Freezes the parameters with these paths, and unfreezes the others.
    fn set_frozen(&mut self, paths: &[String]) -> Result<()>;
    /// Whether the module has a `forward` that can be recorded.
    fn has_forward(&self) -> bool;
    /// Records `forward` on a batch of this form, with parameters in another float type, if there is
    /// one that steps compute with.
    fn record(&self, example: &Example, lowering: Option<FloatDType>) -> Result<Recording>;
    /// Every float parameter.
    fn parameters(&self) -> Result<Vec<ParamName>>;
    /// The indices of running statistics among the float parameters of a module in training form.
    fn running_statistics(&self) -> Result<BTreeSet<usize>>;
    fn visit(&self, visitor: &mut dyn ErasedVisitor) -> Result<()>;
    fn update(&mut self, mapper: &mut dyn ValueMapper) -> Result<()>;
}

/// Copies of the module, and what a checkpoint stores of it.
pub(crate) trait DriveCheckpoints {
    /// Copies the module and the states of the callbacks.
    fn save_rollback(&mut self) -> Result<()>;
    /// Restores the module from the copy.
    fn rollback(&mut self, states: CallbackStatesAfter);
    /// Drops the copy.
    fn discard_rollback(&mut self);
    /// Takes a snapshot of everything that a checkpoint stores.
    fn snapshot(&mut self, run: &mut RunState) -> Result<Snapshot>;
    /// Restores the module, the callbacks and the data module from a checkpoint.
    fn restore(&mut self, run: &mut RunState, checkpoint: &Checkpoint) -> Result<()>;
    /// Copies the module and the ready batch at the start of a step.
    fn keep_start(&mut self) -> Result<()>;
    /// Exchanges the module and its copy.
    fn swap_start(&mut self) -> Result<()>;
    /// Drops the copies.
    fn drop_start(&mut self);
    /// Takes a snapshot without calling hooks.
    fn snapshot_start(&mut self, run: &mut RunState) -> Result<Snapshot>;
    /// Returns the parts of the copy of the batch.
    fn kept_batch(&mut self) -> Option<BatchWriter>;
}

/// One loader of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoaderId {
    Train,
    Eval(usize),
}

/// What the engine needs to know about an opened loader.
#[derive(Clone, Debug)]
pub(crate) struct LoaderInfo {
    pub(crate) name: Option<String>,
    /// The number of batches; `None` when the loader does not know it. Of several processes, the
    /// number of rounds.
    pub(crate) len: Option<u64>,
    /// The number of batches of all processes.
    pub(crate) all: Option<u64>,
    /// Whether it shuffles.
    pub(crate) shuffles: bool,
    /// Whether its batches are made of a dataset by the thread that trains.
    pub(crate) is_inline: bool,
}

/// The form a module is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Train,
    Eval,
}

/// The states of the callbacks that the next checkpoint stores after a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallbackStatesAfter {
    /// Those they have now.
    Current,
    /// Those they had when the copy was made.
    Saved,
}
