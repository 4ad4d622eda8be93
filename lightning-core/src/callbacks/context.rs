//! The context of a callback.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    checkpoint::{BestCheckpoint, CheckpointState, ResumeState, writer::SaveRequest},
    error::{Error, ErrorKind, Result},
    loggers::{Audio, Figure, Loggers, Mesh, Output, Table, ToHistogram, ToImage},
    metrics::{KeyRef, LogValue, Metrics},
    module::{LightningModule, ModuleInfo, RunView},
    optim::NamesOptimizer,
    progress::StopReason,
};

/// The context of a method of a callback.
///
/// It dereferences to [`RunView`](crate::module::RunView), the state of the run.
#[derive(Debug)]
pub struct CallbackContext<'a> {
    pub(crate) view: RunView<'a>,
    pub(crate) info: ModuleInfo,
    pub(crate) settings: SettingsView<'a>,
    pub(crate) loggers: &'a mut Loggers,
    pub(crate) checkpoints: &'a mut CheckpointState,
    pub(crate) resume: &'a mut ResumeState,
    /// The place of the callback among those of the trainer.
    pub(crate) index: usize,
    /// The callback whose method was the default method of the trait.
    pub(crate) not_implemented: Option<Identity>,
}

impl<'a> Deref for CallbackContext<'a> {
    type Target = RunView<'a>;

    fn deref(&self) -> &Self::Target {
        &self.view
    }
}

impl CallbackContext<'_> {
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

/// The settings that callbacks look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SettingsView<'a> {
    pub(crate) fast_dev_run: bool,
    pub(crate) max_epochs: Option<usize>,
    pub(crate) log_every_n_steps: u64,
    /// The folder for logs and checkpoints.
    pub(crate) root: &'a Path,
    /// Whether validation runs at the end of every epoch and at no other time.
    pub(crate) validates_once_an_epoch: bool,
    /// Whether an epoch may be without validation.
    pub(crate) may_skip_validation: bool,
}

/// One callback: its address and the name of its type, since the first field of a callback has the
/// same address.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(*const (), &'static str);

impl Identity {
    pub(super) fn of<C: ?Sized>(callback: &C) -> Self {
        Self(std::ptr::from_ref(callback).cast(), std::any::type_name::<C>())
    }

    pub(crate) const fn type_name(self) -> &'static str {
        self.1
    }
}

impl CallbackContext<'_> {
    /// Returns whether this is a `fast_dev_run`.
    pub fn is_fast_dev_run(&self) -> bool {
        self.settings.fast_dev_run
    }

    /// Returns the loss of the last training batch. On a device other than the host this waits for
    /// the device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn loss(&mut self) -> Result<Option<f64>> {
        match self.view.progress.loss() {
            Some(loss) => Ok(crate::tensor::readback::read(vec![loss])?.first().copied()),
            None => Ok(None),
        }
    }

    /// Logs a value under a name; see [`log`](crate::log).
    pub fn log<V: LogValue + ?Sized>(&mut self, name: &str, value: &V) {
        crate::module::log(name, value);
    }

    /// Returns the folder of the run: that of the first logger, or the root folder.
    pub fn log_dir(&self) -> PathBuf {
        self.loggers.dir_or(self.settings.root)
    }

    /// Requests a checkpoint of `module` and of the run in a file.
    ///
    /// It is taken at the next point that a run can resume from: after the current batch,
    /// validation or epoch. It is written while the run continues, and is complete when `fit`
    /// returns.
    ///
    /// # Errors
    /// If the path has no file name. If the file cannot be written, the run ends with an error that
    /// has the path and the step.
    pub fn save_checkpoint<M: LightningModule>(&mut self, module: &M, path: impl AsRef<Path>) -> Result<()> {
        let _ = module;
        let path = path.as_ref();
        if path.file_name().is_none() {
            return Err(Error::config(format!(
                "the path of a checkpoint must have a file name, found `{}`",
                path.display()
            ))
            .help("write a path such as `checkpoints/last.ckpt`"));
        }
        self.checkpoints.queue.requests.push(SaveRequest::new(path));
        Ok(())
    }

    pub(crate) fn stop_early(&mut self, what: String) {
        self.view.progress.stop.get_or_insert(StopReason::EarlyStopped(what));
    }

    /// Sets the best checkpoint of the callback, which `monitors` a metric or not.
    pub(crate) fn set_best(&mut self, path: PathBuf, score: Option<(String, f64)>, monitors: bool) {
        self.checkpoints.set_best(BestCheckpoint { path, rank: (!monitors, self.index), score });
    }

    /// Returns the epoch for the names of files: at the end of training the last one.
    pub(crate) fn epoch_of_files(&self) -> u64 {
        self.view.progress.last_epoch
    }

    /// Returns the value of the metric that a callback monitors; `None` before the first
    /// validation, and without a value if `strict` is false.
    pub(crate) fn monitored(&mut self, key: KeyRef, strict: bool) -> Result<Option<f64>> {
        let name = key.display();
        if let Some(value) = self.view.metrics.metrics()?.find(key) {
            return Ok(Some(value));
        }
        let late = self.settings.may_skip_validation;
        if !strict
            || (late && self.view.progress.validation.first_is_ahead(self.view.progress.counters.validation_runs))
        {
            return Ok(None);
        }
        let known = self.view.metrics.known();
        let help = match known.loader_of(&name) {
            Some(loader) => format!("monitor its value on one of the loaders: `KEY.loader({loader:?})`"),
            None => format!(
                "log it in every epoch, or call `.strict(false)` to skip the check; metrics with a value: {}",
                known.names()
            ),
        };
        Err(Error::new(ErrorKind::Metric, format!("the monitored metric `{name}` has no value"))
            .help(help)
            .at(self.view.progress.location(None, false)))
    }

    /// Returns whether monitoring callbacks act at the end of the training epoch and not at the end
    /// of validation.
    pub(crate) fn monitors_at_epoch_end(&self) -> bool {
        self.settings.validates_once_an_epoch
    }

    /// Returns whether monitoring callbacks must do nothing.
    pub(crate) fn is_quiet(&self) -> bool {
        let progress = &*self.view.progress;
        progress.failing || progress.sanity_checking || self.settings.fast_dev_run
    }
}
