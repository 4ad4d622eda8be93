//! The trainer: a thin typed shell around the engine.

mod builder;
pub(crate) mod devices;
pub(crate) mod plan;
pub(crate) mod report;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use burn::{
    module::{Module, ParamId},
    tensor::Device,
};
use serde_json::Value;

use crate::{
    callbacks::Callback,
    checkpoint::{Checkpoint, differences::compare_hparams},
    console::table,
    data::{CollectedOutputs, EvalData, FitData, Predicting, RunData, RunStep, Testing, Validation, merge_hparams},
    engine::{
        self,
        checkout::Checkout,
        driver::{DriveModel, Mode},
        loss_scaling,
        module_driver::{ModuleDriver, for_evaluation, for_training, take_snapshot},
        resume,
        run::RunState,
        snapshot::callback_states,
    },
    error::{Error, ErrorKind, Result},
    hooks::Step,
    metrics::{MetricDef, ModuleMetrics, ScopeId, StageSet, ambient::ActiveRun},
    module::{
        ConfigureOptimizers, LightningModule, PredictStep, TestStep, TrainingStep, ValidationStep, apply, hparams_value,
    },
    os::{files, signals::Signals},
    params,
    progress::Counters,
    random,
    stage::Stage,
};

pub use self::{
    plan::Plan,
    report::{EvalReport, FitReport},
};
pub use crate::console::profiler::{IntoProfiler, Profile, ProfiledAction, Profiler};
pub use crate::progress::StopReason;
pub use crate::settings::TrainerBuilder;

/// Trains, validates and tests modules of type `M`, and predicts with them.
///
/// A builder creates it: [`Trainer::builder`], or `Net::trainer()` for a module `Net`. Counters,
/// optimizers and loggers belong to the trainer: a second `fit` continues where the first one
/// ended.
pub struct Trainer<M> {
    run: RunState,
    callbacks: Vec<Box<dyn Callback<M>>>,
    /// The module whose weights the trainer knows, by the id of its first parameter, and a
    /// description of the weights.
    known: Option<(ParamId, String)>,
}

impl<M> std::fmt::Debug for Trainer<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("progress", &self.run.progress.counters)
            .field("device", &self.run.progress.device)
            .finish()
    }
}

impl<M> Trainer<M> {
    /// Creates a builder with the default settings.
    pub fn builder() -> TrainerBuilder<M> {
        TrainerBuilder::new()
    }

    /// Returns the number of finished epochs, over all calls of `fit`.
    pub fn current_epoch(&self) -> u64 {
        self.run.progress.counters.epoch
    }

    /// Returns the measured times of all runs, if [`profiler`](TrainerBuilder::profiler) is set.
    pub fn profile(&self) -> Option<&Profile> {
        self.run.console.profile.as_ref()
    }

    /// Returns the number of optimizer steps, over all calls of `fit`.
    pub fn global_step(&self) -> u64 {
        self.run.progress.counters.global_step
    }

    /// Returns the device of the trainer.
    pub fn device(&self) -> &Device {
        &self.run.progress.device
    }

    /// Returns the folder of the run: that of the first logger, or else the root folder.
    pub fn log_dir(&self) -> PathBuf {
        self.run.log_dir()
    }

    /// Returns the path of the best checkpoint written so far.
    pub fn best_checkpoint(&self) -> Option<&Path> {
        self.run.checkpoints.best.as_ref().map(|best| best.path.as_path())
    }

    /// Returns the value of the monitored metric at [`best_checkpoint`](Self::best_checkpoint). NaN
    /// counts as the worst value: infinity for a metric to minimize, minus infinity for one to
    /// maximize.
    pub fn best_model_score(&self) -> Option<f64> {
        self.run.checkpoints.best.as_ref().and_then(|best| best.score.as_ref()).map(|(_, score)| *score)
    }
}

impl<M: LightningModule> Trainer<M> {
    /// Trains `module`, and validates it if it has a `validation_step` and the data has a
    /// validation loader.
    ///
    /// The module is returned trained, in evaluation form, also if an error or a panic ends the
    /// run.
    ///
    /// # Errors
    /// The first error of a step, hook, callback, loader or logger, with its location in the run.
    pub fn fit<D: FitData<M>>(&mut self, module: &mut M, data: D) -> Result<FitReport<M>>
    where
        M: TrainingStep + ConfigureOptimizers,
    {
        let source = data.into_run_data();
        self.run.console.begin(Stage::Fit);
        self.find_checkpoint()?;
        let Self { run, callbacks, known } = self;
        begin(run, module, source.hparams()?, Stage::Fit)?;
        run.callbacks.validation_only = validation_only_monitor(callbacks, M::METRICS);
        let _active = (ActiveRun::start(), Signals::catch());
        let (device, seed, numerics) = (run.progress.device.clone(), run.progress.seed, run.settings.numerics);
        let owned = Checkout::take(module, |module| for_training(module, &device, seed, numerics), true);
        loss_scaling::check_precision(run, owned.get()?, true)?;
        let mut driver = ModuleDriver::new(owned, callbacks, source, Some(M::configure_optimizers), run);
        let result = engine::fit::fit(run, &mut driver, M::STEPS.contains(Step::Validation));
        run.progress.stage = Stage::Fit;
        run.progress.validation.enabled = false;
        let evaluating = driver.set_mode(Mode::Eval);
        drop(driver);
        let stop_reason = result?;
        evaluating?;
        *known = identify(module).map(|id| {
            let Counters { epoch, global_step, .. } = run.progress.counters;
            (id, format!("as fitted, after {epoch} epochs and {global_step} steps"))
        });
        let Counters { epoch, global_step, batch_step, skipped_batches, skipped_steps, validation_runs } =
            run.progress.counters;
        Ok(FitReport {
            stop_reason,
            current_epoch: epoch,
            global_step,
            batch_step,
            skipped_batches,
            skipped_steps,
            validation_runs,
            metrics: ModuleMetrics::new(run.log.metrics.metrics()?.clone()),
            best_checkpoint: run.checkpoints.best.as_ref().map(|best| best.path.clone()),
            resumed_from: run.resume.resumed_from.take().map(|from| from.path),
            differences: std::mem::take(&mut run.resume.differences),
            seed: run.progress.seed,
            warnings: std::mem::take(&mut run.console.warnings),
            best: run.log.metrics.best(),
        })
    }

    /// Runs `validation_step` on the data. Printed, the report is a table.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn validate<D: EvalData<M, Validation, M::ValBatch>>(
        &mut self,
        module: &mut M,
        data: D,
    ) -> Result<EvalReport<M>>
    where
        M: ValidationStep,
    {
        let source = data.into_run_data(RunStep::validation());
        self.evaluate(module, source, Stage::Validate)
    }

    /// Runs `test_step` on the data, with the current weights of the module. Printed, the report is
    /// a table.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn test<D: EvalData<M, Testing, M::TestBatch>>(&mut self, module: &mut M, data: D) -> Result<EvalReport<M>>
    where
        M: TestStep,
    {
        let source = data.into_run_data(RunStep::test());
        self.evaluate(module, source, Stage::Test)
    }

    /// Runs `predict_step` on the data, and returns one output for each batch, in order; those of
    /// several loaders one after another.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn predict<D, T>(&mut self, module: &mut M, data: D) -> Result<Vec<T>>
    where
        M: PredictStep<Output = T>,
        D: EvalData<M, Predicting, M::PredictBatch>,
        T: Send + 'static,
    {
        let outputs: CollectedOutputs<T> = Arc::new(Mutex::new(Vec::new()));
        let source = data.into_run_data(RunStep::predict(outputs.clone()));
        self.run.outputs.predictions = Some(Box::new(outputs.clone()));
        let predicted = self.evaluate(module, source, Stage::Predict);
        self.run.outputs.predictions = None;
        predicted?;
        let mut outputs = outputs.lock().map_err(|_| Error::msg("a prediction panicked"))?;
        Ok(std::mem::take(&mut *outputs))
    }

    fn evaluate<'a>(
        &'a mut self,
        module: &'a mut M,
        source: Box<dyn RunData<M> + 'a>,
        stage: Stage,
    ) -> Result<EvalReport<M>> {
        let weights = match (&self.known, identify(module)) {
            (Some((known, what)), Some(id)) if *known == id => what.clone(),
            _ => "as given".to_owned(),
        };
        let Self { run, callbacks, .. } = self;
        run.console.begin(stage);
        begin(run, module, source.hparams()?, stage)?;
        let _active = (ActiveRun::start(), Signals::catch());
        let (device, seed) = (run.progress.device.clone(), run.progress.seed);
        let owned = Checkout::take(module, |module| for_evaluation(module, &device, seed), false);
        loss_scaling::check_precision(run, owned.get()?, false)?;
        let mut driver = ModuleDriver::new(owned, callbacks, source, None, run);
        let batches = engine::events::with_data(run, &mut driver, |run, driver| {
            if engine::evaluate::evaluation_limit(run).0.is_zero() {
                return Ok(0);
            }
            let loaders = engine::events::opened(driver.open_eval(), run, stage)?;
            if loaders.is_empty() {
                return Err(
                    Error::data(format!("`{stage}` has no loader")).help("pass one, or implement the data module's")
                );
            }
            engine::evaluate::evaluate(run, driver, &loaders, None)
        })?;
        drop(driver);
        let metrics = run.log.metrics.metrics()?.clone();
        let warnings = std::mem::take(&mut run.console.warnings);
        Ok(EvalReport::new(stage, metrics, weights, batches, warnings))
    }

    /// Loads the best checkpoint written by this trainer into `module`: weights, buffers and state.
    ///
    /// # Errors
    /// If no checkpoint was written, or it does not fit.
    pub fn load_best(&mut self, module: &mut M) -> Result<()> {
        let best = self.run.checkpoints.best.clone().ok_or_else(|| {
            Error::new(ErrorKind::Checkpoint, "this trainer has written no checkpoint").help(
                match self.run.settings.run.fast_dev_run {
                    Some(_) => "a `fast_dev_run` writes no checkpoints: do not call `load_best` in it",
                    None => {
                        "call `fit` first, with `ModelCheckpoint` among the callbacks or `enable_checkpointing(true)`"
                    }
                },
            )
        })?;
        self.load(module, &best.path)?;
        if let (Some((_, what)), Some((name, value))) = (&mut self.known, &best.score) {
            *what = format!("best checkpoint {} ({name} {})", best.path.display(), table::format_metric(*value));
        }
        Ok(())
    }

    /// Loads a checkpoint into `module`: weights, buffers and state.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or is of another module.
    pub fn load(&mut self, module: &mut M, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        apply(&Checkpoint::open(path)?, module)?;
        self.known = identify(module).map(|id| (id, format!("checkpoint {}", path.display())));
        Ok(())
    }

    /// Writes a checkpoint of `module` and of the state of this trainer, and waits until it is on
    /// disk. A run resumed from it continues where the last `fit` ended.
    ///
    /// # Errors
    /// If the file cannot be written, with its path.
    pub fn save_checkpoint(&mut self, module: &M, path: impl AsRef<Path>) -> Result<()> {
        let Self { run, callbacks, .. } = self;
        if run.hparams.is_null() {
            // Nothing has been run: the seed was not determined yet.
            run.progress.seed = random::global_seed();
        }
        let mut module = module.valid().train();
        let states = callback_states(callbacks)?;
        run.log.loggers.save()?;
        let snapshot = take_snapshot(&mut module, callbacks, states, None, None, run)?;
        let path = path.as_ref();
        if let Some(folder) = path.parent() {
            files::create_folder(folder)?;
        }
        snapshot.write(path, false)
    }

    /// Finds the checkpoint that this `fit` resumes from. Only the first `fit` of a trainer
    /// resumes.
    fn find_checkpoint(&mut self) -> Result<()> {
        let Self { run, callbacks, .. } = self;
        run.resume.checkpoint = None;
        run.resume.resumed_from = None;
        let resume = std::mem::take(&mut run.resume.requested);
        if run.settings.run.fast_dev_run.is_some() {
            return Ok(());
        }
        let folders: Vec<PathBuf> = callbacks.iter().filter_map(|callback| callback.info().checkpoint_folder).collect();
        resume::find(run, resume, folders)
    }

    /// Returns a summary of what a trainer will do with `module`, to print: metrics, fields,
    /// optimizers, steps and hooks.
    ///
    /// # Errors
    /// If the module's optimizers cannot be created.
    pub fn plan(module: &M) -> Result<Plan>
    where
        M: ConfigureOptimizers,
    {
        Plan::of(module)
    }
}

/// Returns the id of the module's first parameter, which identifies the module.
fn identify<M: Module>(module: &M) -> Option<ParamId> {
    struct First(Option<ParamId>);

    impl params::ErasedVisitor for First {
        fn float(&mut self, _index: usize, id: ParamId, _path: &str, _param: &dyn params::FloatParam) -> Result<()> {
            self.0.get_or_insert(id);
            Ok(())
        }
    }

    let mut first = First(None);
    params::visit(module, &mut first).ok()?;
    first.0
}

/// Resets the run for an entry point, and determines seed and hyperparameters.
fn begin<M: LightningModule>(run: &mut RunState, module: &M, data: Option<Value>, stage: Stage) -> Result<()> {
    run.progress.begin(stage);
    run.outputs.training = None;
    run.outputs.evaluation.clear();
    run.train.accumulators.clear();
    run.log.metrics.reset();
    run.log.inbox.clear();
    run.log.scope = ScopeId::CLOSED;
    let hparams = hparams_value(&module.hparams())?;
    run.progress.seed = match &run.resume.checkpoint {
        Some(checkpoint) => {
            compare_hparams(&checkpoint.metadata.hparams, &hparams, &mut run.resume.differences);
            random::adopt_seed(checkpoint.metadata.seed, &mut run.resume.differences)
        }
        None => random::global_seed(),
    };
    run.hparams = merge_hparams(hparams, data)?;
    Ok(())
}

/// Returns a metric that a callback monitors and only validation logs, with which `fit` needs a
/// validation.
fn validation_only_monitor<M>(callbacks: &[Box<dyn Callback<M>>], metrics: &[MetricDef]) -> Option<String> {
    let is_validation_only = |name: &String| metrics.iter().any(|def| def.name == name && def.stages == StageSet::VAL);
    callbacks.iter().flat_map(|callback| callback.info().monitors).find(is_validation_only)
}
