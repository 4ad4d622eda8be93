//! The context of a hook.

use std::{
    any::Any,
    cell::Cell,
    ops::{ControlFlow, Deref},
    path::Path,
};

use serde::{Serialize, de::DeserializeOwned};

use super::run_view::RunView;
use crate::{
    error::{Error, Result},
    hooks::Hook,
    loggers::{Audio, Figure, Mesh, Output, Table, ToHistogram, ToImage},
    metrics::Metrics,
    optim::{Clip, ClipAlgorithm, NamesOptimizer},
    progress::StepOutputs,
    random::{Rng, Stream, derive_seed},
};

/// The context of a hook of a module: its parameter `cx: &mut HookContext`.
///
/// It dereferences to [`RunView`], the state of the run.
#[derive(Debug)]
pub struct HookContext<'a> {
    view: RunView<'a>,
    /// The batch, for a hook that takes it.
    batch: Option<&'a dyn Any>,
    hook: Hook,
    /// The number of random streams drawn so far.
    draws: Cell<u64>,
}

impl<'a> Deref for HookContext<'a> {
    type Target = RunView<'a>;

    fn deref(&self) -> &Self::Target {
        &self.view
    }
}

impl HookContext<'_> {
    // The methods that change the run are written out here rather than reached through `DerefMut`:
    // only a method of the type itself lets `cx.print(format!("{}", cx.global_step()))` compile.

    /// Returns the current values of everything logged. On a device other than the host this waits
    /// for the device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn metrics(&mut self) -> Result<&Metrics> {
        self.view.metrics()
    }

    /// Waits until every process that trains together has called it at the same point of the run.
    /// A process alone does not wait.
    ///
    /// # Errors
    /// If a process has failed or was lost, or is at another point of the run.
    pub fn barrier(&mut self) -> Result<()> {
        self.view.barrier()
    }

    /// Returns the values of all processes that train together, in the order of their ranks. They
    /// are sent as JSON.
    ///
    /// # Errors
    /// As [`barrier`](Self::barrier), and if the value cannot be written as JSON.
    pub fn all_gather<T: Serialize + DeserializeOwned>(&mut self, value: &T) -> Result<Vec<T>> {
        self.view.all_gather(value)
    }

    /// Ends the run after this batch, with a reason for the report.
    pub fn stop(&mut self, reason: impl Into<String>) {
        self.view.stop(reason.into());
    }

    /// Sets the learning rate of an optimizer. Its parameter groups keep their ratio to it.
    ///
    /// # Errors
    /// If there is no such optimizer, `lr` is not a valid rate, or the optimizer follows a
    /// schedule.
    pub fn set_lr<M>(&mut self, key: impl NamesOptimizer<M>, lr: f64) -> Result<()> {
        self.view.set_lr(key.optimizer_name(), lr)
    }

    /// Returns the number of steps that an optimizer has taken.
    ///
    /// # Errors
    /// If there is no such optimizer.
    pub fn optimizer_steps<M>(&mut self, key: impl NamesOptimizer<M>) -> Result<u64> {
        self.view.optimizer_steps(key.optimizer_name())
    }

    /// Prints a line above the progress bar.
    pub fn print(&mut self, text: impl AsRef<str>) {
        self.view.console.print(text.as_ref());
    }

    /// Passes a text to the loggers; see [`StepContext::log_text`](crate::StepContext::log_text).
    pub fn log_text(&mut self, name: &str, text: impl AsRef<str>) {
        self.view.push(name, |in_batch| Output::text(name, text.as_ref(), in_batch));
    }

    /// Passes an image to the loggers; see
    /// [`StepContext::log_image`](crate::StepContext::log_image).
    pub fn log_image(&mut self, name: &str, image: impl ToImage) {
        self.view.push(name, |in_batch| Output::image(name, &image, in_batch));
    }

    /// Passes a histogram to the loggers; see
    /// [`StepContext::log_histogram`](crate::StepContext::log_histogram).
    pub fn log_histogram(&mut self, name: &str, values: impl ToHistogram) {
        self.view.push(name, |in_batch| Output::histogram(name, &values, in_batch));
    }

    /// Passes a drawing to the loggers; see
    /// [`StepContext::log_figure`](crate::StepContext::log_figure).
    pub fn log_figure(&mut self, name: &str, figure: Figure<'_>) {
        self.view.push(name, |in_batch| Output::figure(name, figure, in_batch));
    }

    /// Passes sound to the loggers; see [`StepContext::log_audio`](crate::StepContext::log_audio).
    pub fn log_audio(&mut self, name: &str, audio: Audio) {
        self.view.push(name, |in_batch| Output::audio(name, audio, in_batch));
    }

    /// Passes a three-dimensional shape to the loggers; see
    /// [`StepContext::log_mesh`](crate::StepContext::log_mesh).
    pub fn log_mesh(&mut self, name: &str, mesh: Mesh) {
        self.view.push(name, |in_batch| Output::mesh(name, mesh, in_batch));
    }

    /// Passes a table to the loggers; see [`StepContext::log_table`](crate::StepContext::log_table).
    pub fn log_table(&mut self, name: &str, table: Table) {
        self.view.push(name, |in_batch| Output::table(name, table, in_batch));
    }

    /// Passes a file or a folder to the loggers; see
    /// [`StepContext::log_artifact`](crate::StepContext::log_artifact).
    pub fn log_artifact(&mut self, name: &str, path: impl AsRef<Path>) {
        self.view.push(name, |in_batch| Output::artifact(name, path.as_ref(), in_batch));
    }
}

impl<'a> HookContext<'a> {
    pub(crate) fn new(view: RunView<'a>, hook: Hook, batch: Option<&'a dyn Any>) -> Self {
        Self { view, batch, hook, draws: Cell::new(0) }
    }

    /// Returns a source of host randomness.
    ///
    /// The stream depends only on the seed of the run, the hook and the number of training batches
    /// before it, and in a hook of a batch on that batch, so that a resumed run draws the same
    /// numbers. Each call returns another stream.
    pub fn rng(&self) -> Rng {
        let draw = self.draws.get();
        self.draws.set(draw + 1);
        let progress = &*self.view.progress;
        // Outside of a batch `batch_idx` is that of an earlier batch, which a resumed run does not
        // know.
        let (loader, batch) = match self.hook.is_in_batch() {
            true => (progress.loader_idx as u64, progress.batch_idx),
            false => (0, 0),
        };
        // The streams of steps count up from 0: see `StepContext::rng`.
        let words = [u64::MAX - self.hook as u64, progress.counters.batch_step, loader, batch];
        let seed = words.into_iter().fold(progress.seed, |seed, word| derive_seed(seed, Stream::Host, word, 0));
        Rng::derived(seed, Stream::Host, 0, draw)
    }

    /// Returns the batch, for a hook that takes it.
    #[doc(hidden)]
    pub fn batch<B: 'static>(&self) -> Result<&'a B> {
        let batch = self.batch.and_then(|batch| batch.downcast_ref());
        batch.ok_or_else(|| Error::data("the hook must run with a batch, found none"))
    }

    /// Clips the gradients of the current optimizer step, in place of the trainer's
    /// `gradient_clip_val`. Only available in `configure_gradient_clipping`.
    ///
    /// # Errors
    /// If `limit` is not positive, and in every other hook.
    pub fn clip_gradients(&mut self, limit: f64, algorithm: ClipAlgorithm) -> Result<()> {
        if self.hook != Hook::ConfigureGradientClipping {
            return Err(Error::config(format!(
                "`clip_gradients` belongs into `configure_gradient_clipping`, found in `{}`",
                self.hook.name()
            ))
            .help("call it in `configure_gradient_clipping`"));
        }
        if !(limit.is_finite() && limit > 0.0) {
            return Err(Error::config(format!("the limit of `clip_gradients` must be positive, found {limit:?}"))
                .help("pass a positive number, or remove the call to train without clipping"));
        }
        self.view.train.clip = Some(Clip { limit, algorithm });
        Ok(())
    }

    /// Returns whether a hook with `#[every(n)]` is called.
    #[doc(hidden)]
    pub fn is_every(&self, n: u64) -> bool {
        self.number().is_some_and(|number| number.is_multiple_of(n))
    }

    /// Returns whether a hook with `#[every(n, epochs)]` is called.
    #[doc(hidden)]
    pub fn is_every_epoch(&self, n: u64) -> bool {
        !self.view.progress.sanity_checking && (self.view.progress.counters.epoch + 1).is_multiple_of(n)
    }

    /// Returns whether a hook with `#[once(n)]` is called.
    #[doc(hidden)]
    pub fn is_once(&self, n: u64) -> bool {
        let progress = &*self.view.progress;
        // Each loader of each evaluation counts from 1: the first one of a run is meant.
        let first = match self.hook {
            Hook::OnValidationBatchStart | Hook::OnValidationBatchEnd => {
                progress.loader_idx == 0 && progress.counters.validation_runs == 0
            }
            hook => !hook.is_in_batch() || progress.loader_idx == 0,
        };
        first && self.number() == Some(n)
    }

    /// Returns the number, from 1, of what `#[every]` on this hook counts. It follows from the
    /// counters, so that a resumed run continues it. `None` in the sanity check, which is counted
    /// nowhere.
    fn number(&self) -> Option<u64> {
        let progress = &*self.view.progress;
        let counters = &progress.counters;
        if progress.sanity_checking {
            return None;
        }
        Some(match self.hook {
            // The hooks of one batch have one number: the batch is counted before the last of them.
            Hook::OnTrainBatchStart | Hook::OnBeforeBackward | Hook::OnAfterBackward => counters.batch_step + 1,
            Hook::OnTrainBatchEnd => counters.batch_step,
            Hook::OnBeforeZeroGrad | Hook::OnBeforeOptimizerStep => counters.global_step + 1,
            Hook::OnTrainEpochStart | Hook::OnTrainEpochEnd => counters.epoch + 1,
            Hook::OnValidationStart | Hook::OnValidationEpochStart | Hook::OnValidationEpochEnd => {
                counters.validation_runs + 1
            }
            // A validation that fails is not counted.
            Hook::OnValidationEnd => counters.validation_runs + u64::from(progress.failing),
            _ => progress.batch_idx + 1,
        })
    }

    /// Returns the outputs of steps, for the hooks that take them.
    pub(crate) fn outputs_mut(&mut self) -> &mut StepOutputs {
        self.view.outputs
    }

    /// Skips the rest of the epoch if `on_train_batch_start` returned `Break`.
    #[doc(hidden)]
    pub fn follow(&mut self, flow: ControlFlow<()>) {
        self.view.progress.skip_epoch |= flow.is_break();
    }
}
