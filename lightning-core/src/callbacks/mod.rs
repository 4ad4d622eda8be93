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
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
};

use crate::{
    checkpoint::{BestCheckpoint, CheckpointState, ResumeState, writer::SaveRequest},
    error::{Error, ErrorKind, Result},
    hooks::Hook,
    loggers::Loggers,
    metrics::{KeyRef, LogValue, ambient::short_name},
    module::{LightningModule, ModuleInfo, RunView},
    params::{StateReader, StateWriter},
    progress::StopReason,
};

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

macro_rules! callback_hooks {
    ($($(#[$doc:meta])* $method:ident = $hook:ident),* $(,)?) => {
        /// Code that runs at the points of a run, beside the module `M`.
        ///
        /// All data comes through the context, so that new data breaks no callback. A callback runs before the module's hook
        /// of the same name.
        ///
        /// ```
        /// use lightning_core::{Callback, CallbackContext, Result};
        ///
        /// struct PrintEpoch;
        ///
        /// impl<M> Callback<M> for PrintEpoch {
        ///     fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
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
            /// When it runs among the others.
            fn order(&self) -> CallbackOrder {
                CallbackOrder::Normal
            }

            /// Whether it writes checkpoints: the trainer then adds none of its own.
            fn is_checkpoint(&self) -> bool {
                false
            }

            /// Whether it prints the model's summary: the trainer then prints none of its own.
            fn is_model_summary(&self) -> bool {
                false
            }

            /// The metric names it reads, checked before the first batch: those that only validation gives need a
            /// validation loader.
            fn monitors(&self) -> Vec<String> {
                Vec::new()
            }

            /// Whether its own settings can work together; reported by `build` with everything else that is wrong.
            ///
            /// # Errors
            /// When they cannot.
            fn check(&self) -> Result<()> {
                Ok(())
            }

            /// The folder it was told to write checkpoints to, where [`Resume`](crate::Resume) looks for them; `None` for the run's own.
            fn checkpoint_folder(&self) -> Option<PathBuf> {
                None
            }

            /// Under which name its state is in a checkpoint: by default the type's name. A callback whose state belongs to a
            /// setting adds it, as in `EarlyStopping(val_loss, minimize)`. Of several with one key the order tells which is which.
            fn state_key(&self) -> String {
                short_name::<Self>().to_owned()
            }

            /// Writes what a resumed run needs of it: counters, best values, tensors, whole modules. By default nothing.
            ///
            /// Settings do not belong here: those of the resumed program hold.
            ///
            /// ```
            /// use lightning_core::{Callback, CallbackContext, Result, StateReader, StateWriter};
            ///
            /// #[derive(Default)]
            /// struct CountBatches(u64);
            ///
            /// impl<M> Callback<M> for CountBatches {
            ///     fn on_train_batch_end(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
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
            /// When something cannot be written.
            fn save_state(&self, state: &mut StateWriter) -> Result<()> {
                let _ = state;
                Ok(())
            }

            /// Takes up what [`save_state`](Self::save_state) wrote, before `on_fit_start` of a resumed run.
            ///
            /// # Errors
            /// When what is stored does not fit.
            fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
                let _ = state;
                Ok(())
            }

            /// The model that a checkpoint shows as the model, in place of the one in training: the averaged one of a callback that
            /// averages weights. The weights in training are kept beside it, and a resumed run goes on with them.
            ///
            /// # Errors
            /// When it cannot be made.
            fn model_to_save(&self, module: &M) -> Result<Option<M>> {
                let _ = module;
                Ok(None)
            }

            /// Whether [`model_to_save`](Self::model_to_save) gives a model: at most one callback of a trainer may.
            fn averages_weights(&self) -> bool {
                false
            }

            /// Gives the module the weights that it ends training with, where they are not those of the last step: after the last
            /// epoch and before `on_train_end`, unless an error or a signal ends the run. A run that is resumed after its last epoch
            /// calls it once more.
            ///
            /// Says whether the running statistics of the module's normalisation layers are to be computed anew for these weights: in
            /// one more pass over the training data, forward only, in which no hook runs, nothing is logged and nothing is counted.
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

            /// How many batches make up an optimizer step, by the epoch from which on it holds; nothing for what the trainer says.
            fn accumulation(&self) -> Option<BTreeMap<u64, u64>> {
                None
            }

            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// An error ends the run; the end hooks still run.
                fn $method(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
                    let _ = module;
                    cx.not_implemented = Some(Identity::of(self));
                    Ok(())
                }
            )*
        }

        /// Calls the method of one hook. Whether the callback has written one: a default method says so in the context, and has not
        /// to be called again. One that a callback calls on others it holds says so of them.
        pub(crate) fn call<M>(
            callback: &mut dyn Callback<M>,
            hook: Hook,
            cx: &mut CallbackContext<'_>,
            module: &mut M,
        ) -> Result<bool> {
            match hook {
                $(Hook::$hook => callback.$method(cx, module)?,)*
                _ => return Ok(false),
            }
            Ok(cx.not_implemented.is_none_or(|not_implemented| not_implemented != callback.identity()))
        }
    };
}

callback_hooks! {
    /// Before a stage, after the data is set up.
    setup = Setup,
    /// After a stage.
    teardown = Teardown,
    /// At the start of `fit`.
    on_fit_start = OnFitStart,
    /// At the end of `fit`.
    on_fit_end = OnFitEnd,
    /// Before the sanity check.
    on_sanity_check_start = OnSanityCheckStart,
    /// After the sanity check.
    on_sanity_check_end = OnSanityCheckEnd,
    /// Before the first epoch.
    on_train_start = OnTrainStart,
    /// After the last epoch.
    on_train_end = OnTrainEnd,
    /// Before an epoch.
    on_train_epoch_start = OnTrainEpochStart,
    /// After an epoch, its validation included.
    on_train_epoch_end = OnTrainEpochEnd,
    /// Before a training batch, which is on the device already.
    on_train_batch_start = OnTrainBatchStart,
    /// After a training batch.
    on_train_batch_end = OnTrainBatchEnd,
    /// Before gradients are set to zero.
    on_before_zero_grad = OnBeforeZeroGrad,
    /// Before the backward pass.
    on_before_backward = OnBeforeBackward,
    /// After the backward pass.
    on_after_backward = OnAfterBackward,
    /// Before the optimizer's update.
    on_before_optimizer_step = OnBeforeOptimizerStep,
    /// Before a validation run.
    on_validation_start = OnValidationStart,
    /// After a validation run.
    on_validation_end = OnValidationEnd,
    /// Before the batches of a validation run.
    on_validation_epoch_start = OnValidationEpochStart,
    /// After the batches of a validation run.
    on_validation_epoch_end = OnValidationEpochEnd,
    /// Before a validation batch.
    on_validation_batch_start = OnValidationBatchStart,
    /// After a validation batch.
    on_validation_batch_end = OnValidationBatchEnd,
    /// Before a test run.
    on_test_start = OnTestStart,
    /// After a test run.
    on_test_end = OnTestEnd,
    /// Before the batches of a test run.
    on_test_epoch_start = OnTestEpochStart,
    /// After the batches of a test run.
    on_test_epoch_end = OnTestEpochEnd,
    /// Before a test batch.
    on_test_batch_start = OnTestBatchStart,
    /// After a test batch.
    on_test_batch_end = OnTestBatchEnd,
    /// Before a prediction run.
    on_predict_start = OnPredictStart,
    /// After a prediction run.
    on_predict_end = OnPredictEnd,
    /// Before the batches of a prediction run.
    on_predict_epoch_start = OnPredictEpochStart,
    /// After the batches of a prediction run.
    on_predict_epoch_end = OnPredictEpochEnd,
    /// Before a prediction batch.
    on_predict_batch_start = OnPredictBatchStart,
    /// After a prediction batch.
    on_predict_batch_end = OnPredictBatchEnd,
    /// When an error or a panic ends the run, before the end hooks.
    on_exception = OnException,
    /// Before the state of the run is taken for a checkpoint.
    on_save_checkpoint = OnSaveCheckpoint,
    /// When a run resumes, after everything has been restored and before `on_fit_start`.
    on_load_checkpoint = OnLoadCheckpoint,
}

/// What a callback can see of the run and do to it.
///
/// The methods that callbacks share with the hooks of a module are those of
/// [`RunView`](crate::module::RunView).
#[derive(Debug)]
pub struct CallbackContext<'a> {
    pub(crate) view: RunView<'a>,
    pub(crate) info: ModuleInfo,
    pub(crate) settings: SettingsView<'a>,
    pub(crate) loggers: &'a mut Loggers,
    pub(crate) checkpoints: &'a mut CheckpointState,
    pub(crate) resume: &'a mut ResumeState,
    /// The callback whose method was the default method of the trait.
    pub(crate) not_implemented: Option<Identity>,
}

impl<'a> Deref for CallbackContext<'a> {
    type Target = RunView<'a>;

    fn deref(&self) -> &Self::Target {
        &self.view
    }
}

impl DerefMut for CallbackContext<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.view
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

/// One callback: its place, and its type's name, since the first field of a callback has the same place.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(*const (), &'static str);

impl Identity {
    fn of<C: ?Sized>(callback: &C) -> Self {
        Self(std::ptr::from_ref(callback).cast(), std::any::type_name::<C>())
    }
}

impl CallbackContext<'_> {
    /// Whether this is a `fast_dev_run`.
    pub fn is_fast_dev_run(&self) -> bool {
        self.settings.fast_dev_run
    }

    /// The loss of the last training batch. On a device other than the host this waits for the device.
    ///
    /// # Errors
    /// When the device fails.
    pub fn loss(&mut self) -> Result<Option<f64>> {
        match self.view.progress.loss.clone() {
            Some(loss) => Ok(crate::tensor::readback::read(vec![loss])?.first().copied()),
            None => Ok(None),
        }
    }

    /// Logs a value under a name; see [`log`](crate::log).
    pub fn log<V: LogValue + ?Sized>(&mut self, name: &str, value: &V) {
        crate::module::log(name, value);
    }

    /// The folder of the run: the first logger's, else the root folder.
    pub fn log_dir(&self) -> PathBuf {
        self.loggers.dir_or(self.settings.root)
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
        self.checkpoints.queue.requests.push(SaveRequest::new(path));
        Ok(())
    }

    pub(crate) fn stop_early(&mut self, what: String) {
        self.view.progress.stop.get_or_insert(StopReason::EarlyStopped(what));
    }

    pub(crate) fn set_best(&mut self, path: PathBuf, score: Option<(String, f64)>) {
        self.checkpoints.best = Some(BestCheckpoint { path, score });
    }

    /// The epoch that files are called by: at the end of training the last one.
    pub(crate) fn epoch_of_files(&self) -> u64 {
        self.view.progress.last_epoch
    }

    /// The value a monitoring callback reads; `None` before validation has given it for the first time.
    pub(crate) fn monitored(&mut self, key: KeyRef, strict: bool) -> Result<Option<f64>> {
        let name = key.display();
        if let Some(value) = self.view.metrics.metrics()?.find(key) {
            return Ok(Some(value));
        }
        let late = self.settings.may_skip_validation;
        if !strict
            || (self.view.progress.validation.enabled && self.view.progress.counters.validation_runs == 0 && late)
        {
            return Ok(None);
        }
        let known = self.view.metrics.known().names();
        Err(Error::new(ErrorKind::Metric, format!("the monitored metric `{name}` has no value"))
            .help(format!("log it in every epoch, or call `.strict(false)` to skip; metrics with a value: {known}"))
            .at(self.view.progress.location(None, false)))
    }

    /// Whether monitoring callbacks act at the end of the training epoch, rather than at the end of validation.
    pub(crate) fn monitors_at_epoch_end(&self) -> bool {
        self.settings.validates_once_an_epoch
    }

    /// Whether monitoring callbacks have to stay quiet.
    pub(crate) fn is_quiet(&self) -> bool {
        let progress = &*self.view.progress;
        progress.failing || progress.sanity_checking || self.settings.fast_dev_run
    }
}
