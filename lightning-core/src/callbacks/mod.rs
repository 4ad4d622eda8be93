//! Callbacks: code that runs at the points of a run, beside the module.

mod average;
mod backbone_finetuning;
mod device_stats_monitor;
mod early_stopping;
mod ema_weight_averaging;
mod finetuning;
mod gradient_accumulation_scheduler;
mod lambda;
mod logged_steps;
mod lr_monitor;
mod model_checkpoint;
mod model_summary;
mod on_exception_checkpoint;
mod prediction_files;
mod prediction_writer;
mod pruning;
mod pruning_choice;
mod spike_detection;
mod stochastic_weight_averaging;
mod throughput_monitor;
mod timer;
mod weight_averaging;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use burn::tensor::Device;

pub use backbone_finetuning::BackboneFinetuning;
pub use device_stats_monitor::DeviceStatsMonitor;
pub use early_stopping::EarlyStopping;
pub use ema_weight_averaging::EmaWeightAveraging;
pub use finetuning::{BaseFinetuning, FinetuningContext, FinetuningSchedule, UnfrozenRate};
pub use gradient_accumulation_scheduler::GradientAccumulationScheduler;
pub use lambda::LambdaCallback;
pub use lr_monitor::LearningRateMonitor;
pub use model_checkpoint::{ModelCheckpoint, TopK};
pub use model_summary::ModelSummary;
pub use on_exception_checkpoint::OnExceptionCheckpoint;
pub use prediction_files::PredictionFile;
pub use prediction_writer::{PredictedBatch, PredictionSink, PredictionWriter, WriteInterval};
pub use pruning::Pruning;
pub use pruning_choice::PruningAmount;
pub use spike_detection::SpikeDetection;
pub use stochastic_weight_averaging::{IntoSwaRates, StochasticWeightAveraging};
pub use throughput_monitor::ThroughputMonitor;
pub use timer::Timer;
pub use weight_averaging::{AveragingCounts, AveragingPoint, WeightAveraging};

use crate::{
    checkpoint::writer::SaveRequest,
    context::{self, LogValue},
    error::{Error, ErrorKind, Result},
    hooks::Hook,
    metrics::{KeyRef, Metrics},
    module::LightningModule,
    report::StopReason,
    run::{BestCheckpoint, RunState},
    state::{StateReader, StateWriter},
};

/// When a callback runs, among the others of the same hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallbackOrder {
    /// In the order given, before the module.
    #[default]
    Normal,
    /// After the others, and at the end of a training epoch after the module and with the epoch's metrics computed.
    Monitor,
    /// Last of all: it saves what the others left.
    Checkpoint,
}

/// The method of each hook that callbacks have.
macro_rules! define_methods {
    ($({ $name:ident = $variant:ident, $doc:literal, $($flags:tt)* })*) => {
        $(
            #[doc = $doc]
            ///
            /// # Errors
            /// An error ends the run; the end hooks still run.
            fn $name(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
                let _ = module;
                cx.unwritten = Some(Identity::of(self));
                Ok(())
            }
        )*
    };
}

/// Code that runs at the points of a run, beside the module `M`.
///
/// A callback runs before the module's hook of the same name. All data comes through the context,
/// so that new data does not break existing callbacks.
///
/// ```
/// use lightning_core::{Callback, CallbackContext, Result};
///
/// struct PrintEpoch;
///
/// impl<M> Callback<M> for PrintEpoch {
///     fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
///         let epoch = cx.current_epoch();
///         let loss = cx.metrics()?.value("val_loss");
///         cx.print(format!("epoch {epoch} is done, val_loss {loss:?}"));
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no callback for `{M}`",
    label = "not a callback of this trainer's module",
    note = "a key belongs to the module that logs it: monitor one of `{M}`'s own metrics"
)]
pub trait Callback<M>: Send {
    /// Returns when the callback runs relative to the others.
    fn order(&self) -> CallbackOrder {
        CallbackOrder::Normal
    }

    /// Whether it writes checkpoints: the trainer then adds no `ModelCheckpoint`.
    fn is_checkpoint(&self) -> bool {
        false
    }

    /// Whether it prints the model's summary: the trainer then adds no `ModelSummary`.
    fn is_model_summary(&self) -> bool {
        false
    }

    /// Returns the names of the metrics that it reads, which are checked before the first batch:
    /// a metric that only validation logs needs a validation loader.
    fn monitors(&self) -> Vec<String> {
        Vec::new()
    }

    /// Checks its settings; `build` reports the error together with all other wrong settings.
    ///
    /// # Errors
    /// If the settings are invalid or contradict each other.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Returns the configured checkpoint folder, in which [`Resume`](crate::Resume) searches;
    /// `None` for the folder of the run.
    fn checkpoint_folder(&self) -> Option<PathBuf> {
        None
    }

    /// Returns the key of its state in a checkpoint, by default the type's name. A callback whose
    /// state depends on a setting adds it, as in `EarlyStopping(val_loss, minimize)`. Callbacks
    /// with equal keys are told apart by their order.
    fn state_key(&self) -> String {
        context::short_name::<Self>().to_owned()
    }

    /// Writes the state that a resumed run needs: counters, best values, tensors, modules. The
    /// default writes nothing.
    ///
    /// Settings are not state: a resumed run uses those of its own program.
    ///
    /// ```
    /// use lightning_core::{Callback, CallbackContext, Result, StateReader, StateWriter};
    ///
    /// #[derive(Default)]
    /// struct CountBatches(u64);
    ///
    /// impl<M> Callback<M> for CountBatches {
    ///     fn on_train_batch_end(&mut self, _: &mut CallbackContext<'_>, _: &mut M) -> Result<()> {
    ///         self.0 += 1;
    ///         Ok(())
    ///     }
    ///     fn save_state(&self, state: &mut StateWriter) -> Result<()> {
    ///         state.put("batches", &self.0)
    ///     }
    ///     fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
    ///         state.get("batches", &mut self.0)
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// If a value cannot be written.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Restores what [`save_state`](Self::save_state) wrote, before `on_fit_start` of a resumed
    /// run.
    ///
    /// # Errors
    /// If the stored state does not fit.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Returns the model to save in place of the one in training, such as the averaged model of a
    /// callback that averages weights. The checkpoint also keeps the weights in training, with
    /// which a resumed run continues.
    ///
    /// # Errors
    /// If the model cannot be created.
    fn model_to_save(&self, module: &M) -> Result<Option<M>> {
        let _ = module;
        Ok(None)
    }

    /// Whether [`model_to_save`](Self::model_to_save) may return a model: at most one callback of a
    /// trainer may do so.
    fn averages_weights(&self) -> bool {
        false
    }

    /// Gives the module its final weights, if they are not those of the last step: after the last
    /// epoch and before `on_train_end`, unless an error or a signal ends the run. A run that is
    /// resumed after its last epoch calls it again.
    ///
    /// Returns whether to recompute the running statistics of the module's normalization layers for
    /// these weights. This takes another forward pass over the training data, in which no hook runs
    /// and nothing is logged or counted.
    ///
    /// # Errors
    /// An error ends the run; the end hooks still run.
    fn final_weights(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<bool> {
        let _ = (cx, module);
        Ok(false)
    }

    #[doc(hidden)]
    fn identity(&self) -> Identity {
        Identity::of(self)
    }

    /// Returns the number of batches per optimizer step, keyed by the epoch from which it applies;
    /// `None` for the trainer's setting.
    fn accumulation(&self) -> Option<BTreeMap<u64, u64>> {
        None
    }

    lightning_macros::with_hooks!(define_methods, callbacks);
}

macro_rules! define_call {
    ($({ $name:ident = $variant:ident, $doc:literal, $($flags:tt)* })*) => {
        fn call_method<M>(
            callback: &mut dyn Callback<M>,
            hook: Hook,
            cx: &mut CallbackContext<'_>,
            module: &mut M,
        ) -> Result<()> {
            match hook {
                $(Hook::$variant => callback.$name(cx, module),)*
                // A hook of the module only.
                _ => {
                    cx.unwritten = Some(callback.identity());
                    Ok(())
                }
            }
        }
    };
}

lightning_macros::with_hooks!(define_call, callbacks);

/// Calls the method of one hook. Returns whether the callback implements it: a default method
/// records the callback in the context and does not have to be called again.
pub(crate) fn call<M>(callback: &mut dyn Callback<M>, hook: Hook, run: &mut RunState, module: &mut M) -> Result<bool> {
    let mut cx = CallbackContext { run, unwritten: None };
    call_method(callback, hook, &mut cx, module)?;
    // A callback may call the methods of callbacks that it holds: those record themselves.
    Ok(cx.unwritten.is_none_or(|unwritten| unwritten != callback.identity()))
}

/// What a callback may know and do.
#[derive(Debug)]
pub struct CallbackContext<'a> {
    pub(crate) run: &'a mut RunState,
    /// The callback whose method was the trait's own.
    pub(crate) unwritten: Option<Identity>,
}

/// One callback: its place, and its type's name, since the first field of a callback has the same place.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(*const (), &'static str);

impl Identity {
    fn of<C: ?Sized>(callback: &C) -> Self {
        Self(std::ptr::from_ref(callback).cast(), std::any::type_name::<C>())
    }
}

context::run_methods!(CallbackContext);

impl CallbackContext<'_> {
    /// Whether this is a `fast_dev_run`.
    pub fn is_fast_dev_run(&self) -> bool {
        self.run.settings.fast_dev_run.is_some()
    }

    /// The loss of the last training batch. On a device other than the host this waits for the device.
    ///
    /// # Errors
    /// When the device fails.
    pub fn loss(&mut self) -> Result<Option<f64>> {
        match self.run.loss.clone() {
            Some(loss) => Ok(crate::readback::read(vec![loss])?.first().copied()),
            None => Ok(None),
        }
    }

    /// Logs a value under a name; see [`log`](crate::log).
    pub fn log<V: LogValue + ?Sized>(&mut self, name: &str, value: &V) {
        context::log(name, value);
    }

    /// The folder of the run: the first logger's, else the root folder.
    pub fn log_dir(&self) -> PathBuf {
        self.run.log_dir()
    }

    /// Asks for a checkpoint of `module` and of the run, in this file. It is taken at the next place where a run can go on from,
    /// after the batch, validation or epoch at hand, and written while the run goes on; when `fit` returns, it is there.
    ///
    /// # Errors
    /// When the path has no file name. An error of writing ends the run, with the path and the step.
    pub fn save_checkpoint<M: LightningModule>(&mut self, module: &M, path: impl AsRef<Path>) -> Result<()> {
        let _ = module;
        let path = path.as_ref();
        if path.file_name().is_none() {
            return Err(Error::config(format!("`{}` is no file name for a checkpoint", path.display())));
        }
        self.run.saving.requests.push(SaveRequest::new(path));
        Ok(())
    }

    pub(crate) fn stop_early(&mut self, what: String) {
        self.run.stop.get_or_insert(StopReason::EarlyStopped(what));
    }

    pub(crate) fn set_best(&mut self, path: PathBuf, score: Option<(String, f64)>) {
        self.run.checkpoints.best = Some(BestCheckpoint { path, score });
    }

    /// The epoch that files are called by: at the end of training the last one.
    pub(crate) fn epoch_of_files(&self) -> u64 {
        self.run.last_epoch
    }

    /// The value a monitoring callback reads; `None` before validation has given it for the first time.
    pub(crate) fn monitored(&mut self, key: KeyRef, strict: bool) -> Result<Option<f64>> {
        let name = key.display();
        if let Some(value) = self.run.metrics.metrics()?.find(key) {
            return Ok(Some(value));
        }
        let late = self.run.settings.validation.skips_epochs();
        if !strict || (self.run.validates && self.run.progress.validation_runs == 0 && late) {
            return Ok(None);
        }
        let known = self.run.metrics.known().names();
        Err(Error::new(ErrorKind::Metric, format!("the monitored metric `{name}` has no value"))
            .help(format!("log it in every epoch, or call `.strict(false)` to skip; metrics with a value: {known}"))
            .at(self.run.location(None, false)))
    }

    /// Whether monitoring callbacks act at the end of the training epoch, rather than at the end of validation.
    pub(crate) fn monitors_at_epoch_end(&self) -> bool {
        self.run.settings.validation.is_once_an_epoch()
    }

    /// Whether monitoring callbacks have to stay quiet.
    pub(crate) fn is_quiet(&self) -> bool {
        let run = &self.run;
        run.failing || run.sanity_checking || run.settings.fast_dev_run.is_some()
    }
}
