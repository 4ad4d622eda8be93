//! The part of the contexts that hooks of a module and callbacks share.

use burn::tensor::Device;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    console::output::Console,
    error::{Error, Result},
    loggers::Output,
    metrics::{MetricStore, Metrics, ambient::push_output},
    optim::TrainState,
    progress::{LoopState, StepOutputs, StopReason},
    stage::Stage,
    strategy::{Point, Strategy},
};

/// The state of a run that module hooks and callbacks can read: [`HookContext`](super::HookContext)
/// and [`CallbackContext`](crate::CallbackContext) dereference to it.
#[derive(Debug)]
pub struct RunView<'a> {
    pub(crate) progress: &'a mut LoopState,
    pub(crate) metrics: &'a mut MetricStore,
    pub(crate) train: &'a mut TrainState,
    pub(crate) outputs: &'a mut StepOutputs,
    pub(crate) console: &'a mut Console,
    pub(crate) strategy: &'a mut dyn Strategy,
}

impl RunView<'_> {
    /// Returns what the run is doing.
    pub fn stage(&self) -> Stage {
        self.progress.stage
    }

    /// Returns the epoch, counted from 0.
    pub fn current_epoch(&self) -> u64 {
        self.progress.counters.epoch
    }

    /// Returns the index of the batch in the epoch, counted from 0.
    pub fn batch_idx(&self) -> usize {
        self.progress.batch_idx as usize
    }

    /// Returns the index of the evaluation loader that the batch comes from, counted from 0.
    pub fn dataloader_idx(&self) -> usize {
        self.progress.loader_idx
    }

    /// Returns the number of optimizer steps taken so far.
    pub fn global_step(&self) -> u64 {
        self.progress.counters.global_step
    }

    /// Returns the number of training batches seen so far.
    pub fn batch_step(&self) -> u64 {
        self.progress.counters.batch_step
    }

    /// Returns the number of this process among those that train together, counted from 0.
    pub fn rank(&self) -> usize {
        self.strategy.rank().global
    }

    /// Returns the number of processes that train together; 1 for a process alone.
    pub fn world_size(&self) -> usize {
        self.strategy.rank().world_size
    }

    /// Returns whether this process writes the logs and checkpoints of the run.
    pub fn is_global_zero(&self) -> bool {
        self.strategy.rank().is_global_zero()
    }

    /// Returns the device of the run.
    pub fn device(&self) -> &Device {
        &self.progress.device
    }

    /// Returns whether an error is ending the run. End hooks also run then.
    pub fn is_failing(&self) -> bool {
        self.progress.failing
    }

    /// Returns whether the current validation is the sanity check before training.
    pub fn is_sanity_checking(&self) -> bool {
        self.progress.sanity_checking
    }

    /// Returns what the last training step passed on with
    /// [`Loss::output`](crate::Loss::output), if it is a `T`.
    pub fn outputs<T: 'static>(&self) -> Option<&T> {
        self.outputs.training.as_ref().and_then(|output| output.downcast_ref())
    }

    /// Returns the current learning rates by optimizer.
    pub fn learning_rates(&self) -> Vec<(String, f64)> {
        self.train.learning_rates()
    }
}

/// The changes to a run that the contexts of hooks and callbacks offer.
impl RunView<'_> {
    pub(crate) fn metrics(&mut self) -> Result<&Metrics> {
        self.metrics.metrics()
    }

    /// The point of an exchange that a hook or callback asks for.
    fn point(&self, what: &'static str) -> Point {
        let LoopState { counters, batch_idx, .. } = &*self.progress;
        Point { part: counters.global_step, ..Point::new(what, counters.epoch, *batch_idx) }
    }

    pub(crate) fn barrier(&mut self) -> Result<()> {
        let at = self.point("barrier");
        self.strategy.barrier(at)
    }

    pub(crate) fn all_gather<T: Serialize + DeserializeOwned>(&mut self, value: &T) -> Result<Vec<T>> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| Error::msg(format!("the value of `all_gather` cannot be written as JSON: {error}")))?;
        let at = self.point("all_gather");
        let all = self.strategy.gather(at, bytes)?;
        let read = |bytes: &Vec<u8>| serde_json::from_slice(bytes);
        all.iter()
            .map(read)
            .collect::<serde_json::Result<_>>()
            .map_err(|error| Error::msg(format!("the value of another rank cannot be read from JSON: {error}")))
    }

    pub(crate) fn stop(&mut self, reason: String) {
        self.progress.request_stop(StopReason::Requested(reason));
    }

    pub(crate) fn set_lr(&mut self, optimizer: &str, lr: f64) -> Result<()> {
        self.train.optimizer(optimizer)?.set_lr(lr)
    }

    pub(crate) fn optimizer_steps(&mut self, optimizer: &str) -> Result<u64> {
        self.train.optimizer(optimizer).map(|optimizer| optimizer.steps)
    }

    /// Passes an output to the loggers. The argument of `output` is whether there is a current
    /// batch, to which it belongs.
    pub(crate) fn push(&self, name: &str, output: impl FnOnce(bool) -> Output) {
        let in_batch = self.progress.batch_size.is_some();
        push_output(name, || output(in_batch));
    }
}
