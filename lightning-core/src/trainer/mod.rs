//! The trainer: a thin typed shell around the engine.

mod builder;
mod checkpoints;
pub(crate) mod devices;
mod export;
mod finders;
#[cfg(feature = "cli")]
mod first_batch;
mod gather;
pub(crate) mod habits;
mod join;
pub(crate) mod plan;
mod replay;
pub(crate) mod report;
mod summary;
mod top_losses;
mod verify;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use burn::{
    module::{Module, ParamId},
    tensor::Device,
};

use crate::{
    callbacks::{Callback, CallbackInfo},
    checkpoint::differences::compare_hparams,
    data::{CollectedOutputs, EvalData, FitData, Predicting, RunData, RunStep, Testing, Validation, merge_hparams},
    engine::{
        self,
        checkout::Checkout,
        driver::{DriveModel, Mode},
        loss_scaling,
        module_driver::{ModuleDriver, data_hparams, for_evaluation, for_training},
        run::RunState,
    },
    error::{Error, ErrorKind, Result},
    hooks::Step,
    metrics::{MetricDef, ModuleMetrics, ScopeId, StageSet, ambient::ActiveRun},
    module::{
        ConfigureOptimizers, LightningModule, PredictStep, TestStep, TrainingStep, ValidationStep, hparams_value,
    },
    os::{
        panics::{catch_in, catch_panic, drop_caught},
        signals::Signals,
    },
    params,
    progress::Counters,
    random,
    stage::Stage,
};

#[cfg(feature = "cli")]
#[doc(hidden)]
pub use self::first_batch::AnyBatch;
pub use self::{
    finders::{
        BatchSizeFinder, BatchSizeMode, BatchSizeSearch, BatchSizeTrial, BatchSizes, LearningRateFinder, LrFinder,
        LrRange,
    },
    plan::Plan,
    replay::Replay,
    report::{EvalReport, FitReport},
    top_losses::{TopLoss, TopLosses},
    verify::VerifyReport,
};
pub use crate::console::profiled_threads::{ProfiledSpan, ProfiledThread};
pub use crate::console::profiler::{IntoProfiler, Profile, ProfiledAction, Profiler};
pub use crate::engine::guard::state::GradientNorm;
pub use crate::module::{LayerSummary, Summary};
pub use crate::progress::AnomalyKind;
pub use crate::progress::StopReason;
pub use crate::settings::{Barebones, TrainerBuilder};

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

    /// Creates a builder of a trainer that runs only the loop, to measure it: without loggers,
    /// logging, checkpoints, progress bar, summary, sanity check and audit. The settings of these do
    /// not compile.
    ///
    /// ```
    /// # use burn::{nn::*, optim::SgdConfig, prelude::*};
    /// # use lightning_core::prelude::*;
    /// # #[lightning_module]
    /// # #[optimizer(SgdConfig::new(), lr = 0.1)]
    /// # struct Net {
    /// #     #[init(LinearConfig::new(4, 1).init(device))]
    /// #     layer: Linear,
    /// # }
    /// # #[lightning_module]
    /// # impl Net {
    /// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
    /// #         self.layer.forward(batch).mean()
    /// #     }
    /// # }
    /// # let mut net = Net::new(NetHparams::default());
    /// # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([2, 4], &Default::default()); 8])?;
    /// let mut trainer = Trainer::<Net>::barebones().max_epochs(3).build()?;
    /// let started = std::time::Instant::now();
    /// let report = trainer.fit(&mut net, data)?;
    /// println!("{:?} per step", started.elapsed() / report.global_step as u32);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    pub fn barebones() -> TrainerBuilder<M, Barebones> {
        let mut builder = TrainerBuilder::new();
        builder.settings.run.barebones = true;
        builder
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

    /// Returns the number of this process among those that train together, counted from 0.
    pub fn rank(&self) -> usize {
        self.run.strategy.rank().global
    }

    /// Returns the number of processes that train together; 1 for a process alone.
    pub fn world_size(&self) -> usize {
        self.run.strategy.rank().world_size
    }

    /// Returns whether this process writes the logs and checkpoints of the run: one of several
    /// processes, so that a program prints its results once.
    ///
    /// ```
    /// # use burn::{nn::*, optim::SgdConfig, prelude::*};
    /// # use lightning_core::prelude::*;
    /// # #[lightning_module]
    /// # #[optimizer(SgdConfig::new(), lr = 0.1)]
    /// # struct Net {
    /// #     #[init(LinearConfig::new(4, 1).init(device))]
    /// #     layer: Linear,
    /// # }
    /// # #[lightning_module]
    /// # impl Net {
    /// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
    /// #         self.layer.forward(batch).mean()
    /// #     }
    /// # }
    /// # let mut net = Net::new(NetHparams::default());
    /// # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([2, 4], &Default::default()); 8])?;
    /// let mut trainer = Trainer::<Net>::barebones().max_epochs(1).build()?;
    /// let report = trainer.fit(&mut net, data)?;
    /// if trainer.is_global_zero() {
    ///     println!("{report}");
    /// }
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    pub fn is_global_zero(&self) -> bool {
        self.run.strategy.rank().is_global_zero()
    }

    /// Returns the device of the trainer.
    pub fn device(&self) -> &Device {
        &self.run.progress.device
    }

    /// Returns the folder of the run: that of the first logger, or else the root folder.
    pub fn log_dir(&self) -> PathBuf {
        self.run.log_dir()
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
        self.run.console.begin();
        self.run.strategy.open();
        let fitted = self.try_fit(module, source);
        self.tell(fitted)
    }

    fn try_fit<'a>(&'a mut self, module: &'a mut M, source: Box<dyn RunData<M> + 'a>) -> Result<FitReport<M>>
    where
        M: TrainingStep + ConfigureOptimizers,
    {
        self.find_checkpoint()?;
        let mut source = source;
        self.find_before_fit(module, &mut *source)?;
        let Self { run, callbacks, known } = self;
        begin(run, module, &*source, Stage::Fit)?;
        run.callbacks.validation_only = validation_only_monitor(callbacks, M::METRICS)?;
        let (_active, signals) = (ActiveRun::start(), Signals::catch(!run.strategy.rank().is_alone()));
        let (device, seed, numerics) = (run.progress.device.clone(), run.progress.seed, run.settings.numerics);
        let owned = check_out(run, module, |module| for_training(module, &device, seed, numerics), true)?;
        let checked = loss_scaling::check_precision(run, owned.get()?, true);
        let mut driver = ModuleDriver::new(owned, callbacks, source, Some(M::configure_optimizers), run);
        // After an error too, the module is returned in evaluation form.
        let result = checked.and_then(|()| engine::fit::fit(run, &mut driver, M::STEPS.contains(Step::Validation)));
        run.progress.stage = Stage::Fit;
        run.progress.validation.enabled = false;
        let mut evaluate = || catch_panic(|| driver.set_mode(Mode::Eval));
        // After a panic once more: the module comes back in evaluation form.
        let evaluating = evaluate().or_else(|error| evaluate().and(Err(error)));
        let dropped = drop_caught("the data", driver);
        let (mut stop_reason, interrupted) = (result?, signals.finish());
        evaluating.and(dropped).map_err(|error| error.at(run.progress.location(None, false)))?;
        if interrupted {
            // The signal may have come while the last checkpoint or the end hooks ran.
            stop_reason = StopReason::Interrupted;
        }
        *known = identify(module).map(|id| {
            let Counters { epoch, global_step, .. } = run.progress.counters;
            (id, format!("as fitted, after {epoch} epochs and {global_step} steps"))
        });
        let Counters {
            epoch,
            global_step,
            batch_step,
            skipped_batches,
            skipped_steps,
            non_finite_losses,
            validation_runs,
        } = run.progress.counters;
        Ok(FitReport {
            stop_reason,
            current_epoch: epoch,
            global_step,
            batch_step,
            skipped_batches,
            skipped_steps,
            non_finite_losses,
            validation_runs,
            metrics: ModuleMetrics::new(run.log.metrics.metrics()?.clone()),
            best_checkpoint: run.checkpoints.best.as_ref().map(|best| best.path.clone()),
            resumed_from: run.resume.resumed_from.take().map(|from| from.path),
            differences: std::mem::take(&mut run.resume.differences),
            seed: run.progress.seed,
            warnings: std::mem::take(&mut run.console.warnings),
            best: run.log.metrics.best(),
            whole_epochs: run.progress.position.epoch.min(epoch),
            is_ranked: run.checkpoints.best.as_ref().is_some_and(|best| best.score.is_some()),
        })
    }

    /// Tells the other processes of an error, unless they know it.
    pub(super) fn tell<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.run.strategy.fail(error);
        }
        self.run.strategy.close();
        result
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
    pub fn test<D: EvalData<M, Testing, M::TestBatch>>(
        &mut self,
        module: &mut M,
        data: D,
    ) -> Result<EvalReport<M, Testing>>
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
        let predicted = self.evaluate::<Predicting>(module, source, Stage::Predict);
        self.run.outputs.predictions = None;
        if let Err(error) = predicted {
            // The first error is returned.
            let _ = drop_caught("the predictions", outputs);
            return Err(error);
        }
        let mut outputs = outputs.lock().map_err(|_| Error::msg("a prediction panicked"))?;
        Ok(std::mem::take(&mut *outputs))
    }

    fn evaluate<S>(
        &mut self,
        module: &mut M,
        source: Box<dyn RunData<M> + '_>,
        stage: Stage,
    ) -> Result<EvalReport<M, S>> {
        self.run.strategy.open();
        let evaluated = self.try_evaluate(module, source, stage);
        self.tell(evaluated)
    }

    fn try_evaluate<'a, S>(
        &'a mut self,
        module: &'a mut M,
        source: Box<dyn RunData<M> + 'a>,
        stage: Stage,
    ) -> Result<EvalReport<M, S>> {
        let weights = match (&self.known, identify(module)) {
            (Some((known, what)), Some(id)) if *known == id => what.clone(),
            _ => "as given".to_owned(),
        };
        let Self { run, callbacks, .. } = self;
        run.console.begin();
        begin(run, module, &*source, stage)?;
        let (_active, signals) = (ActiveRun::start(), Signals::catch(!run.strategy.rank().is_alone()));
        let (device, seed) = (run.progress.device.clone(), run.progress.seed);
        let owned = check_out(run, module, |module| for_evaluation(module, &device, seed), false)?;
        loss_scaling::check_precision(run, owned.get()?, false)?;
        let mut driver = ModuleDriver::new(owned, callbacks, source, None, run);
        let evaluated = engine::events::with_data(run, &mut driver, |run, driver| {
            if engine::evaluate::evaluation_limit(run).0.is_zero() {
                return Ok(0);
            }
            let loaders = engine::events::opened(driver.open_eval(), run, stage)?;
            engine::ranks::check_lengths(run, "data", &loaders)?;
            if loaders.is_empty() {
                return Err(
                    Error::data(format!("`{stage}` has no loader")).help("pass one, or implement the data module's")
                );
            }
            engine::evaluate::evaluate(run, driver, &loaders, None)
        });
        let dropped = drop_caught("the data", driver);
        let batches = evaluated?;
        dropped.map_err(|error| error.at(run.progress.location(None, false)))?;
        if signals.finish() {
            return Err(engine::events::interrupted(run, false));
        }
        let metrics = run.log.metrics.metrics()?.clone();
        Ok(EvalReport::new(stage, metrics, weights, batches, std::mem::take(&mut run.console.warnings)))
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

/// Takes the module out of the user's variable; [`Checkout::take`] says how.
///
/// # Errors
/// If code of the user that is called in this, such as the `Clone` of a field, panics. The variable
/// then still holds the module.
fn check_out<'a, M: LightningModule>(
    run: &RunState,
    module: &'a mut M,
    prepare: impl FnOnce(M) -> M,
    placeholder: bool,
) -> Result<Checkout<'a, M>> {
    catch_panic(|| Ok(Checkout::take(module, prepare, placeholder)))
        .map_err(|error| error.at(run.progress.location(None, false)))
}

/// What the callbacks say of themselves.
fn infos<M>(callbacks: &[Box<dyn Callback<M>>]) -> Result<Vec<CallbackInfo>> {
    let info = |callback: &dyn Callback<M>| catch_in(|| "a callback's info".to_owned(), || Ok(callback.info()));
    callbacks.iter().map(|callback| info(&**callback)).collect()
}

/// Resets the run for an entry point, and determines seed and hyperparameters.
///
/// # Errors
/// If hyperparameters cannot be written as JSON, or code of the user panics.
fn begin<M: LightningModule>(run: &mut RunState, module: &M, data: &dyn RunData<M>, stage: Stage) -> Result<()> {
    run.progress.begin(stage);
    let begun = catch_panic(|| try_begin(run, module, data));
    begun.map_err(|error| match error.kind() {
        ErrorKind::Panic => error.at(run.progress.location(None, false)),
        _ => error,
    })
}

fn try_begin<M: LightningModule>(run: &mut RunState, module: &M, data: &dyn RunData<M>) -> Result<()> {
    let data = data_hparams(data)?;
    run.outputs.training = None;
    run.outputs.evaluation.clear();
    run.train.accumulators.clear();
    run.train.unpruned.clear();
    run.log.metrics.reset();
    run.log.inbox.clear();
    run.log.scope = ScopeId::CLOSED;
    let hparams = catch_in(|| format!("the hyperparameters of {}", M::NAME), || hparams_value(&module.hparams()))?;
    run.resume.hparams.clone_from(&hparams);
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
fn validation_only_monitor<M>(callbacks: &[Box<dyn Callback<M>>], metrics: &[MetricDef]) -> Result<Option<String>> {
    let is_validation_only = |name: &String| metrics.iter().any(|def| def.name == name && def.stages == StageSet::VAL);
    Ok(infos(callbacks)?.into_iter().flat_map(|info| info.monitors).find(is_validation_only))
}
