//! What the hooks of a module and the callbacks share.

use burn::tensor::Device;

use crate::{
    console::output::Console,
    error::Result,
    loggers::{Figure, Output, ToHistogram, ToImage},
    metrics::{MetricStore, Metrics, ambient::push_output},
    optim::{NamesOptimizer, TrainState},
    progress::{LoopState, StepOutputs, StopReason},
    stage::Stage,
};

/// The view of a run that module hooks and callbacks share: [`HookContext`](super::HookContext) and
/// [`CallbackContext`](crate::CallbackContext) dereference to it.
#[derive(Debug)]
pub struct RunView<'a> {
    pub(crate) progress: &'a mut LoopState,
    pub(crate) metrics: &'a mut MetricStore,
    pub(crate) train: &'a mut TrainState,
    pub(crate) outputs: &'a mut StepOutputs,
    pub(crate) console: &'a mut Console,
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

    /// Returns the device of the run.
    pub fn device(&self) -> &Device {
        &self.progress.device
    }

    /// Returns whether an error is ending the run. End hooks run all the same.
    pub fn is_failing(&self) -> bool {
        self.progress.failing
    }

    /// Returns whether the current validation is the sanity check before training.
    pub fn is_sanity_checking(&self) -> bool {
        self.progress.sanity_checking
    }

    /// Returns the current values of everything logged. On a device other than the host this waits
    /// for the device.
    ///
    /// # Errors
    /// When the device fails.
    pub fn metrics(&mut self) -> Result<&Metrics> {
        self.metrics.metrics()
    }

    /// Ends the run after this batch, with a reason for the report.
    pub fn stop(&mut self, reason: impl Into<String>) {
        self.progress.request_stop(StopReason::Requested(reason.into()));
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

    /// Sets the learning rate of an optimizer. Its parameter groups keep their ratio to it.
    ///
    /// # Errors
    /// When there is no such optimizer, `lr` is not a valid rate, or the optimizer follows a schedule.
    pub fn set_lr<M>(&mut self, key: impl NamesOptimizer<M>, lr: f64) -> Result<()> {
        self.train.optimizer(key.optimizer_name())?.set_lr(lr)
    }

    /// Returns the number of steps that an optimizer has taken.
    ///
    /// # Errors
    /// When there is no such optimizer.
    pub fn optimizer_steps<M>(&mut self, key: impl NamesOptimizer<M>) -> Result<u64> {
        self.train.optimizer(key.optimizer_name()).map(|optimizer| optimizer.steps)
    }

    /// Prints a line above the progress bar.
    pub fn print(&mut self, text: impl AsRef<str>) {
        self.console.print(text.as_ref());
    }

    /// Passes a text to the loggers; see [`StepContext::log_text`](crate::StepContext::log_text).
    pub fn log_text(&mut self, name: &str, text: impl AsRef<str>) {
        push_output(name, || Output::text(name, text.as_ref(), self.is_in_batch()));
    }

    /// Passes an image to the loggers; see [`StepContext::log_image`](crate::StepContext::log_image).
    pub fn log_image(&mut self, name: &str, image: impl ToImage) {
        push_output(name, || Output::image(name, &image, self.is_in_batch()));
    }

    /// Passes a histogram to the loggers; see
    /// [`StepContext::log_histogram`](crate::StepContext::log_histogram).
    pub fn log_histogram(&mut self, name: &str, values: impl ToHistogram) {
        push_output(name, || Output::histogram(name, &values, self.is_in_batch()));
    }

    /// Passes a drawing to the loggers; see [`StepContext::log_figure`](crate::StepContext::log_figure).
    pub fn log_figure(&mut self, name: &str, figure: Figure<'_>) {
        push_output(name, || Output::figure(name, figure, self.is_in_batch()));
    }

    /// Whether there is a current batch, to which an output belongs.
    fn is_in_batch(&self) -> bool {
        self.progress.batch_size.is_some()
    }
}
