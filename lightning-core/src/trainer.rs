//! The trainer: a thin typed shell around the engine.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Instant,
};

use burn::{
    module::{Module, ParamId},
    tensor::Device,
};
use serde_json::Value;

use crate::{
    allocator,
    callbacks::{Callback, ModelCheckpoint},
    checkpoint::{self, Checkpoint, Resume, capture::callback_states},
    config::{ClipAlgorithm, IntoAccelerator, IntoMaxTime, Limit, Problems, ReadBack, Settings, ValCheckInterval},
    context::{ActiveRun, Inbox},
    data::{EvalData, FitData, Predicting, Shelf, Source, Testing, Validation, merge_hparams},
    devices,
    driver::{Driver, Mode, ModuleDriver, for_evaluation, for_training, take_image},
    engine,
    error::{Error, ErrorKind, Result},
    files,
    hooks::Step,
    loggers::{CsvLogger, Logger},
    metrics::{MetricDef, MetricStore, ScopeId, StageSet},
    module::{ConfigureOptimizers, LightningModule, PredictStep, TestStep, TrainingMode, TrainingStep, ValidationStep},
    owned::Owned,
    params,
    plan::Plan,
    precision::{self, IntoPrecision},
    profiler::{IntoProfiler, Profile},
    progress::Progress,
    random, readback,
    report::{EvalReport, FitReport},
    resume::{self, Place},
    run::{CheckpointBoard, Counters, Loggers, RunState},
    saving::Saving,
    signals::Signals,
    spread::Devices,
    stage::Stage,
    table,
};

/// Runs modules of type `M`: trains, validates, tests and predicts.
///
/// Made by a builder ([`Trainer::builder`], or `Digits::trainer()` on a module), it keeps its counters, optimizers and loggers from
/// one `fit` to the next: a second `fit` goes on where the first one ended.
pub struct Trainer<M> {
    run: RunState,
    callbacks: Vec<Box<dyn Callback<M>>>,
    /// The model whose weights are known to be something, and what they are.
    known: Option<(ParamId, String)>,
}

impl<M> std::fmt::Debug for Trainer<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("progress", &self.run.progress).field("device", &self.run.device).finish()
    }
}

impl<M> Trainer<M> {
    /// Starts a trainer's settings.
    pub fn builder() -> TrainerBuilder<M> {
        TrainerBuilder {
            settings: Settings::default(),
            problems: Problems::default(),
            callbacks: Vec::new(),
            loggers: Vec::new(),
            resume: Resume::Never,
        }
    }

    /// Finished epochs, over all `fit`s.
    pub fn current_epoch(&self) -> u64 {
        self.run.progress.epoch
    }

    /// Where the time of all runs went, with [`profiler`](TrainerBuilder::profiler).
    pub fn profile(&self) -> Option<&Profile> {
        self.run.profile.as_ref()
    }

    /// Optimizer steps, over all `fit`s.
    pub fn global_step(&self) -> u64 {
        self.run.progress.global_step
    }

    /// The device everything runs on.
    pub fn device(&self) -> &Device {
        &self.run.device
    }

    /// The folder of the run: the first logger's, else the root folder.
    pub fn log_dir(&self) -> PathBuf {
        self.run.log_dir()
    }

    /// The best checkpoint written so far.
    pub fn best_checkpoint(&self) -> Option<&Path> {
        self.run.checkpoints.best.as_ref().map(|best| best.path.as_path())
    }

    /// The monitored metric's value at [`best_checkpoint`](Self::best_checkpoint). A NaN counts as the worst value there is:
    /// infinity for a metric to be minimised, minus infinity for one to be maximised.
    pub fn best_model_score(&self) -> Option<f64> {
        self.run.checkpoints.best.as_ref().and_then(|best| best.score.as_ref()).map(|(_, score)| *score)
    }
}

impl<M: LightningModule> Trainer<M> {
    /// Trains `module`, and validates it where it has a `validation_step` and the data a validation loader.
    ///
    /// The module comes back trained, in evaluation form, also when an error or a panic ends the run.
    ///
    /// # Errors
    /// The first error of a step, hook, callback, loader or logger, with its place in the run.
    pub fn fit<D: FitData<M>>(&mut self, module: &mut M, data: D) -> Result<FitReport>
    where
        M: TrainingStep + ConfigureOptimizers,
    {
        let source = data.into_source();
        self.find_checkpoint()?;
        let Self { run, callbacks, known } = self;
        begin(run, module, source.hparams()?, Stage::Fit)?;
        run.validation_only = validation_only_monitor(callbacks, M::METRICS);
        let _active = (ActiveRun::start(), Signals::catch());
        let (device, seed, numerics) = (run.device.clone(), run.seed, run.settings.numerics);
        let owned = Owned::take(module, |module| for_training(module, &device, seed, numerics), true);
        precision::take_up_module(run, owned.get()?, true)?;
        let mut driver = ModuleDriver::new(owned, callbacks, source, Some(M::configure_optimizers), run);
        let result = engine::fit(run, &mut driver, M::STEPS.contains(Step::Validation));
        run.stage = Stage::Fit;
        run.validates = false;
        let evaluating = driver.set_mode(Mode::Eval);
        drop(driver);
        let stop_reason = result?;
        evaluating?;
        *known = identify(module).map(|id| {
            let Counters { epoch, global_step, .. } = run.progress;
            (id, format!("as fitted, after {epoch} epochs and {global_step} steps"))
        });
        let Counters { epoch, global_step, batch_step, skipped_batches, skipped_steps, validation_runs } = run.progress;
        Ok(FitReport {
            stop_reason,
            current_epoch: epoch,
            global_step,
            batch_step,
            skipped_batches,
            skipped_steps,
            validation_runs,
            metrics: run.metrics.metrics()?.clone(),
            best_checkpoint: run.checkpoints.best.as_ref().map(|best| best.path.clone()),
            resumed_from: run.resumed_from.take().map(|from| from.path),
            differences: std::mem::take(&mut run.differences),
            seed: run.seed,
            warnings: std::mem::take(&mut run.warnings),
            best: run.metrics.best(),
        })
    }

    /// Runs `validation_step` over the data. Printed, the report is a table.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn validate<D: EvalData<M, Validation>>(&mut self, module: &mut M, data: D) -> Result<EvalReport<M>>
    where
        M: ValidationStep,
    {
        let source = data.into_source(Validation);
        self.evaluate(module, source, Stage::Validate)
    }

    /// Runs `test_step` over the data, with the weights the module has now. Printed, the report is a table.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn test<D: EvalData<M, Testing>>(&mut self, module: &mut M, data: D) -> Result<EvalReport<M>>
    where
        M: TestStep,
    {
        let source = data.into_source(Testing);
        self.evaluate(module, source, Stage::Test)
    }

    /// Runs `predict_step` over the data: one output a batch, in order, the loaders one after another.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn predict<D, T>(&mut self, module: &mut M, data: D) -> Result<Vec<T>>
    where
        M: PredictStep<Output = T>,
        D: EvalData<M, Predicting<T>>,
        T: Send + 'static,
    {
        let outputs: Shelf<T> = Arc::new(Mutex::new(Vec::new()));
        let source = data.into_source(Predicting::new(outputs.clone()));
        self.run.predictions = Some(Box::new(outputs.clone()));
        let predicted = self.evaluate(module, source, Stage::Predict);
        self.run.predictions = None;
        predicted?;
        let mut outputs = outputs.lock().map_err(|_| Error::msg("a prediction panicked"))?;
        Ok(std::mem::take(&mut *outputs))
    }

    fn evaluate<'a>(
        &'a mut self,
        module: &'a mut M,
        source: Box<dyn Source<M> + 'a>,
        stage: Stage,
    ) -> Result<EvalReport<M>> {
        let weights = match (&self.known, identify(module)) {
            (Some((known, what)), Some(id)) if *known == id => what.clone(),
            _ => "as given".to_owned(),
        };
        let Self { run, callbacks, .. } = self;
        begin(run, module, source.hparams()?, stage)?;
        let _active = (ActiveRun::start(), Signals::catch());
        let (device, seed) = (run.device.clone(), run.seed);
        let owned = Owned::take(module, |module| for_evaluation(module, &device, seed), false);
        precision::take_up_module(run, owned.get()?, false)?;
        let mut driver = ModuleDriver::new(owned, callbacks, source, None, run);
        let batches = engine::with_data(run, &mut driver, |run, driver| {
            if engine::evaluation_limit(run).0.is_zero() {
                return Ok(0);
            }
            let feeds = engine::opened(driver.open_eval(), run, stage)?;
            if feeds.is_empty() {
                return Err(
                    Error::data(format!("there is no loader for {stage}")).help("pass one, or write the data module's")
                );
            }
            engine::evaluate(run, driver, &feeds, None)
        })?;
        drop(driver);
        Ok(EvalReport::new(stage, run.metrics.metrics()?.clone(), weights, batches))
    }

    /// Gives `module` the weights of the best checkpoint written by this trainer.
    ///
    /// # Errors
    /// When there is none, or it does not fit.
    pub fn load_best(&mut self, module: &mut M) -> Result<()> {
        let best = self.run.checkpoints.best.clone().ok_or_else(|| {
            Error::new(ErrorKind::Checkpoint, "this trainer has written no checkpoint").help(
                match self.run.settings.fast_dev_run {
                    Some(_) => "a `fast_dev_run` writes none: leave `load_best` out of it",
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

    /// Gives `module` the weights, buffers and state of a checkpoint.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or is of another module.
    pub fn load(&mut self, module: &mut M, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        Checkpoint::open(path)?.apply(module)?;
        self.known = identify(module).map(|id| (id, format!("checkpoint {}", path.display())));
        Ok(())
    }

    /// Writes a checkpoint of `module` and of where this trainer is, and waits until it is on disk. A run resumed from it goes on
    /// where the last `fit` ended.
    ///
    /// # Errors
    /// When the file cannot be written, with its path.
    pub fn save_checkpoint(&mut self, module: &M, path: impl AsRef<Path>) -> Result<()> {
        let Self { run, callbacks, .. } = self;
        if run.hparams.is_null() {
            // Nothing has been run.
            run.seed = random::global_seed();
        }
        let mut module = module.valid().train();
        let states = callback_states(callbacks)?;
        run.loggers.save()?;
        let image = take_image(&mut module, callbacks, states, None, None, run)?;
        let path = path.as_ref();
        if let Some(folder) = path.parent() {
            files::create_folder(folder)?;
        }
        image.write(path, false)
    }

    /// Finds the checkpoint that this `fit` resumes from; only the first one of a trainer does.
    fn find_checkpoint(&mut self) -> Result<()> {
        let Self { run, callbacks, .. } = self;
        run.resuming = None;
        run.resumed_from = None;
        let resume = std::mem::take(&mut run.resume);
        if run.settings.fast_dev_run.is_some() {
            return Ok(());
        }
        let folders: Vec<PathBuf> = callbacks.iter().filter_map(|callback| callback.checkpoint_folder()).collect();
        resume::find(run, resume, folders)
    }

    /// What the trainer will do with `module`: its hooks, steps, metrics, parameters and optimizers, to print.
    ///
    /// # Errors
    /// When the module's optimizers cannot be made.
    pub fn plan(module: &M) -> Result<Plan>
    where
        M: ConfigureOptimizers,
    {
        Plan::of(module)
    }
}

/// The id of a module's first parameter: enough to tell whether it is the one whose weights are known.
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

fn begin<M: LightningModule>(run: &mut RunState, module: &M, data: Option<Value>, stage: Stage) -> Result<()> {
    run.stage = stage;
    if stage == Stage::Fit {
        run.place = Place::start_of(run.progress.epoch);
    }
    run.stop = None;
    run.started = Some(Instant::now());
    run.told_minimum = false;
    run.validated = None;
    run.kept.clear();
    run.skip_epoch = false;
    run.windows.clear();
    run.failing = false;
    let hparams = checkpoint::hparams_value(&module.hparams())?;
    run.seed = match &run.resuming {
        Some(checkpoint) => {
            resume::compare_hparams(&checkpoint.metadata.hparams, &hparams, &mut run.differences);
            random::adopt_seed(checkpoint.metadata.seed, &mut run.differences)
        }
        None => random::global_seed(),
    };
    run.hparams = merge_hparams(hparams, data)?;
    run.metrics.reset();
    run.entries.clear();
    run.batch_size = None;
    run.scope = ScopeId::CLOSED;
    run.loss = None;
    run.output = None;
    Ok(())
}

/// A metric that a callback reads and only validation gives: `fit` refuses to run without validation then.
fn validation_only_monitor<M>(callbacks: &[Box<dyn Callback<M>>], metrics: &[MetricDef]) -> Option<String> {
    let is_validation_only = |name: &String| metrics.iter().any(|def| def.name == name && def.stages == StageSet::VAL);
    callbacks.iter().flat_map(|callback| callback.monitors()).find(is_validation_only)
}

/// The settings of a [`Trainer`], with PyTorch Lightning's names. [`build`](Self::build) checks them all together.
///
/// A bare integer is a number of batches, a bare float a fraction of them. No number stands for "off" or "unlimited": what
/// is not set is not limited, except that without `max_epochs`, `max_steps` and `max_time` a run ends after 1000 epochs.
pub struct TrainerBuilder<M> {
    settings: Settings,
    problems: Problems,
    callbacks: Vec<Box<dyn Callback<M>>>,
    loggers: Vec<Box<dyn Logger>>,
    resume: Resume,
}

impl<M> std::fmt::Debug for TrainerBuilder<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainerBuilder").field("settings", &self.settings).finish()
    }
}

impl<M> TrainerBuilder<M> {
    /// Ends the run after this many epochs.
    #[must_use]
    pub fn max_epochs(mut self, epochs: usize) -> Self {
        self.settings.length.max_epochs = Some(epochs);
        self
    }

    /// Ends the run after this many optimizer steps.
    #[must_use]
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.settings.length.max_steps = Some(steps);
        self
    }

    /// Goes on for at least this many epochs, whatever asks for a stop before.
    #[must_use]
    pub fn min_epochs(mut self, epochs: usize) -> Self {
        self.settings.length.min_epochs = epochs;
        self
    }

    /// Goes on for at least this many optimizer steps, whatever asks for a stop before.
    #[must_use]
    pub fn min_steps(mut self, steps: u64) -> Self {
        self.settings.length.min_steps = steps;
        self
    }

    /// Ends each `fit` after this time: a `Duration` or `"DD:HH:MM:SS"`.
    #[must_use]
    pub fn max_time(mut self, time: impl IntoMaxTime) -> Self {
        match time.into_max_time() {
            Ok(time) => self.settings.length.max_time = Some(time),
            Err(error) => self
                .problems
                .add(format!("`max_time`: {}", error.message()), "write \"DD:HH:MM:SS\", as in \"00:01:30:00\""),
        }
        self
    }

    /// Takes an optimizer step every n batches, with the mean of their gradients; a shorter last window of an epoch is
    /// divided by its own size. Default 1.
    #[must_use]
    pub fn accumulate_grad_batches(mut self, batches: u64) -> Self {
        self.settings.optimization.accumulate = batches;
        self
    }

    /// Clips gradients: their total norm, or each element with [`gradient_clip_algorithm`](Self::gradient_clip_algorithm).
    #[must_use]
    pub fn gradient_clip_val(mut self, limit: f64) -> Self {
        self.settings.optimization.clip = Some(limit);
        self
    }

    /// How gradients are clipped. Default: by their total norm.
    #[must_use]
    pub fn gradient_clip_algorithm(mut self, algorithm: ClipAlgorithm) -> Self {
        self.settings.optimization.clip_by = algorithm;
        self
    }

    /// Looks at the loss and at every gradient of every batch, and ends the run at the first that is not finite, with the
    /// parameter's name. It waits for the device in every batch. Default no.
    #[must_use]
    pub fn detect_anomaly(mut self, detect: bool) -> Self {
        self.settings.optimization.detect_anomaly = detect;
        self
    }

    /// Whether SGD, Adam, AdamW, RMSprop, AdaGrad and Lion update a parameter on the CPU in one pass over its memory instead of one
    /// for each of Burn's operations. The numbers are the same, except that averages too small for a normal number are zero.
    /// Parameters of other types than `f32` and `f64`, and other optimizers, are Burn's either way. Default yes.
    #[must_use]
    pub fn fused_optimizers(mut self, fused: bool) -> Self {
        self.settings.optimization.fused = fused;
        self
    }

    /// Whether the C library's allocator is told to keep freed memory for the next step rather than to give it back to the kernel,
    /// which makes training on the CPU up to 1.6 times as fast. It holds for the process from the first [`build`](Self::build)
    /// on, needs glibc, and leaves settings of the environment (`MALLOC_TRIM_THRESHOLD_`, `GLIBC_TUNABLES`) as they are.
    /// Default yes.
    #[must_use]
    pub fn tune_allocator(mut self, tune: bool) -> Self {
        self.settings.allocator.tune = tune;
        self
    }

    /// Uses this share of the training batches of each epoch.
    #[must_use]
    pub fn limit_train_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.train = limit.into();
        self
    }

    /// Uses this share of the validation batches; 0 turns validation off.
    #[must_use]
    pub fn limit_val_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.val = limit.into();
        self
    }

    /// Uses this share of the test batches.
    #[must_use]
    pub fn limit_test_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.test = limit.into();
        self
    }

    /// Uses this share of the prediction batches.
    #[must_use]
    pub fn limit_predict_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.predict = limit.into();
        self
    }

    /// Tries everything on `batches` batches: one epoch, no sanity check, no checkpoints, no loggers, no early stopping. Schedules are made
    /// for the whole run ([`estimated_optimizer_steps`](crate::FitContext::estimated_optimizer_steps)), so that the first steps are its first steps.
    #[must_use]
    pub fn fast_dev_run(mut self, batches: u64) -> Self {
        self.settings.fast_dev_run = Some(batches);
        self
    }

    /// Validation batches tried before training. Default 2.
    #[must_use]
    pub fn num_sanity_val_steps(mut self, batches: u64) -> Self {
        self.settings.validation.sanity_steps = batches;
        if batches > 0 {
            self.settings.asked.push("num_sanity_val_steps");
        }
        self
    }

    /// When validation runs. Default: at the end of every epoch.
    ///
    /// | interval | validates |
    /// |---|---|
    /// | `100` | after every 100th training batch of an epoch |
    /// | `0.25` | four times an epoch |
    /// | `Steps(500)` | after every 500th optimizer step of the run |
    /// | `Every(Duration::from_secs(600))` | after the batch at which the last validation is ten minutes past |
    ///
    /// With [`check_val_every_n_epoch(None)`](Self::check_val_every_n_epoch) a number of batches is counted over the whole run, so that
    /// it may be longer than an epoch.
    #[must_use]
    pub fn val_check_interval(mut self, interval: impl Into<ValCheckInterval>) -> Self {
        self.settings.validation.interval = interval.into();
        self
    }

    /// Validates in every n-th epoch only; `None`: by [`val_check_interval`](Self::val_check_interval) alone, whose batches are then
    /// counted over the whole run. Default 1.
    #[must_use]
    pub fn check_val_every_n_epoch(mut self, epochs: impl Into<Option<usize>>) -> Self {
        self.settings.validation.every_n_epochs = epochs.into();
        self
    }

    /// Trains on the same few batches in every epoch, in the order of the dataset whatever the loader says, and validates on as many of
    /// the validation loader: a model that cannot learn them by heart has a mistake.
    #[must_use]
    pub fn overfit_batches(mut self, share: impl Into<Limit>) -> Self {
        self.settings.limits.overfit = Some(share.into());
        self
    }

    /// Asks the data module for its loaders anew after every so many epochs.
    #[must_use]
    pub fn reload_dataloaders_every_n_epochs(mut self, epochs: usize) -> Self {
        self.settings.limits.reload_every_n_epochs = Some(epochs);
        self
    }

    /// Runs the loop and nothing around it, to measure it: no loggers, no logging, no checkpoints, no progress, no summary, no sanity
    /// check. Asking for one of these as well is an error of [`build`](Self::build). Default no.
    #[must_use]
    pub fn barebones(mut self, barebones: bool) -> Self {
        self.settings.barebones = barebones;
        self
    }

    /// Refuses, in [`build`](Self::build), whatever would make two runs of one seed differ: a device that chooses its kernels by timing
    /// them, which is every one but the processor, and settings that depend on the clock (`max_time`, `Every`). Without it a run on the
    /// processor is the same to the last bit too; this makes sure of it. Default no.
    #[must_use]
    pub fn deterministic(mut self, deterministic: bool) -> Self {
        self.settings.deterministic = deterministic;
        self
    }

    /// Sends the values of single steps to the loggers every n batches. Default 50.
    #[must_use]
    pub fn log_every_n_steps(mut self, batches: u64) -> Self {
        self.settings.output.log_every_n_steps = batches;
        self.settings.asked.push("log_every_n_steps");
        self
    }

    /// Where the first `fit` begins: anew, or where a checkpoint was taken. A path stands for [`Resume::Path`].
    ///
    /// ```no_run
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
    /// // A job that a cluster starts again until it has finished.
    /// let trainer = Net::trainer().max_epochs(100).resume_from(Resume::LastOrStart).build()?;
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    #[must_use]
    pub fn resume_from(mut self, resume: impl Into<Resume>) -> Self {
        self.resume = resume.into();
        self
    }

    /// Measures where the time goes, and prints it at the end of each run: a [`Profiler`](crate::Profiler) or its name, `"simple"`.
    /// [`Trainer::profile`] has the figures.
    #[must_use]
    pub fn profiler(mut self, profiler: impl IntoProfiler) -> Self {
        self.settings.profiler = self.problems.take(profiler.into_profiler());
        self.settings.asked.push("profiler(…)");
        self
    }

    /// Where to compute: an [`Accelerator`](crate::Accelerator) or its name (`"auto"`, `"cpu"`, `"cuda"`, …).
    #[must_use]
    pub fn accelerator(mut self, accelerator: impl IntoAccelerator) -> Self {
        if let Some(accelerator) = self.problems.take(accelerator.into_accelerator()) {
            self.settings.accelerator = accelerator;
        }
        self
    }

    /// In which float types to keep parameters and to compute: a [`Precision`](crate::Precision) or its name (`"bf16-mixed"`, …).
    /// Default: in those that the module and its batches have, which is float32 unless a program says otherwise.
    #[must_use]
    pub fn precision(mut self, precision: impl IntoPrecision) -> Self {
        match precision.into_precision() {
            Ok(precision) => self.settings.numerics.precision = Some(precision),
            Err(error) => self.problems.add(error.message().to_owned(), error.remedy().unwrap_or_default()),
        }
        self
    }

    /// Whether the backward pass computes activations that are cheap to compute again, rather than keep them from the forward
    /// pass: less memory for more time, and the same numbers. Default no.
    #[must_use]
    pub fn gradient_checkpointing(mut self, enable: bool) -> Self {
        self.settings.numerics.gradient_checkpointing = enable;
        self
    }

    /// Which device: one of the accelerator's by its index (`[1]`), or their number, which is 1. Default: the first.
    #[must_use]
    pub fn devices(mut self, devices: impl Into<Devices>) -> Self {
        self.settings.spread.devices = devices.into();
        self
    }

    /// How many machines. Only 1, the default, is possible.
    #[must_use]
    pub fn num_nodes(mut self, machines: usize) -> Self {
        self.settings.spread.num_nodes = machines;
        self
    }

    /// How a run is spread over devices: `"auto"`, the default, and `"single_device"` are possible, and mean the same.
    #[must_use]
    pub fn strategy(mut self, strategy: impl Into<String>) -> Self {
        self.settings.spread.strategy = strategy.into();
        self
    }

    /// The folder for logs and checkpoints where nothing says otherwise. Default: the working folder.
    #[must_use]
    pub fn default_root_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.settings.output.root = folder.as_ref().to_path_buf();
        self
    }

    /// Adds a callback.
    #[must_use]
    pub fn callback<C: Callback<M> + 'static>(mut self, callback: C) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Adds a logger; without any, metrics go to `lightning_logs/version_N/metrics.csv` below the root folder.
    #[must_use]
    pub fn logger<L: Logger + 'static>(mut self, logger: L) -> Self {
        self.loggers.push(Box::new(logger));
        self.settings.asked.push("logger(…)");
        self
    }

    /// Logs nothing.
    #[must_use]
    pub fn no_logger(mut self) -> Self {
        self.settings.output.default_logger = false;
        self
    }

    /// Whether a run without a [`ModelCheckpoint`] keeps its latest checkpoint. Default yes.
    #[must_use]
    pub fn enable_checkpointing(mut self, enable: bool) -> Self {
        self.settings.output.checkpointing = enable;
        self.asked(enable, "enable_checkpointing(true)")
    }

    /// Whether progress is shown. Default yes.
    #[must_use]
    pub fn enable_progress_bar(mut self, enable: bool) -> Self {
        self.settings.output.progress_bar = enable;
        self.asked(enable, "enable_progress_bar(true)")
    }

    /// Whether the model's summary is printed before training. Default yes.
    #[must_use]
    pub fn enable_model_summary(mut self, enable: bool) -> Self {
        self.settings.output.model_summary = enable;
        self.asked(enable, "enable_model_summary(true)")
    }

    /// Notes what was asked for by name.
    fn asked(mut self, enable: bool, setting: &'static str) -> Self {
        self.settings.asked.retain(|asked| *asked != setting);
        if enable {
            self.settings.asked.push(setting);
        }
        self
    }

    /// When logged tensors come back to the host; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn read_back(mut self, when: ReadBack) -> Self {
        self.settings.readback = when;
        self
    }
}

impl<M: LightningModule> TrainerBuilder<M> {
    /// Checks all settings together.
    ///
    /// # Errors
    /// One error that lists every problem with its remedy.
    pub fn build(self) -> Result<Trainer<M>> {
        let Self { mut settings, mut problems, mut callbacks, mut loggers, resume } = self;
        for callback in &callbacks {
            if let Err(error) = callback.check() {
                problems.add(error.message().to_owned(), error.remedy().unwrap_or("see its documentation"));
            }
        }
        let has_checkpoint = callbacks.iter().any(|callback| callback.is_checkpoint());
        if has_checkpoint && !settings.output.checkpointing {
            problems.add(
                "`enable_checkpointing(false)` is set and a `ModelCheckpoint` is given",
                "leave one of the two out",
            );
        }
        if settings.barebones && has_checkpoint {
            problems.add(
                "`barebones(true)` is set and a `ModelCheckpoint` is given, and a barebones run has no such thing",
                "leave one of the two out",
            );
        }
        for metric in callbacks.iter().filter(|_| settings.barebones).flat_map(|callback| callback.monitors()) {
            problems.add(
                format!("`barebones(true)` is set, and a callback reads `{metric}`, which is not logged then"),
                "leave one of the two out",
            );
        }
        let (accelerator, index, precision) =
            (settings.accelerator, settings.spread.index(), settings.numerics.precision);
        let choose = || devices::choose(accelerator, index, precision);
        if let Some(devices::Choice { device, .. }) = problems.take(choose())
            && settings.deterministic
            && !readback::is_host(&device)
        {
            problems.add(
                format!("`deterministic(true)` is set, and {device:?} chooses its kernels by timing them"),
                "use `accelerator(\"cpu\")`, or leave one of the two out",
            );
        }
        if matches!(M::TRAINING, TrainingMode::Manual) {
            let optimization = &settings.optimization;
            if optimization.accumulate > 1 {
                problems.add(
                    "`accumulate_grad_batches` is set, and the module optimizes by itself",
                    "leave it out, and step every n-th batch in `training_step`",
                );
            }
            if optimization.clip.is_some() {
                problems.add(
                    "`gradient_clip_val` is set, and the module optimizes by itself",
                    "leave it out, and write `optimizers.step(KEY, self, gradients.clip_norm(limit))`",
                );
            }
        }
        settings.numerics.check(M::TRAINING, &mut problems);
        check_together(&callbacks, &mut settings, &mut problems, matches!(M::TRAINING, TrainingMode::Manual));
        let mut settings = settings.check(problems)?;
        if callbacks.iter().any(|callback| callback.is_model_summary()) {
            settings.output.model_summary = false;
        }
        let devices::Choice { device, note } = choose()?;
        if settings.allocator.tune {
            allocator::keep_memory();
        }
        if settings.fast_dev_run.is_some() {
            loggers.clear();
        }
        if loggers.is_empty() && settings.output.default_logger {
            loggers.push(Box::new(CsvLogger::new(settings.output.root.join("lightning_logs"))));
        }
        if !has_checkpoint && settings.output.checkpointing {
            callbacks.push(Box::new(ModelCheckpoint::<M>::latest()));
        }
        callbacks.sort_by_key(|callback| callback.order());
        let metrics = MetricStore::new(M::METRICS);
        let run = RunState {
            host: RunState::is_host(&settings, &device),
            bar: Progress::new(settings.output.progress_bar),
            stage: Stage::Fit,
            device,
            seed: 0,
            progress: Counters::default(),
            place: Place::default(),
            last_epoch: 0,
            batch_idx: 0,
            loader_idx: 0,
            metrics,
            scope: ScopeId::CLOSED,
            entries: Inbox::default(),
            discards_logs: false,
            unwritten: Vec::new(),
            batch_size: None,
            loss: None,
            output: None,
            predictions: None,
            optimizers: Vec::new(),
            training: M::TRAINING,
            bound: Vec::new(),
            windows: Vec::new(),
            hidden: Vec::new(),
            clip: None,
            stepped: false,
            trained: Vec::new(),
            loggers: Loggers::new(loggers),
            checkpoints: CheckpointBoard::default(),
            saving: Saving::default(),
            resume,
            resuming: None,
            resumed_from: None,
            differences: Vec::new(),
            declared_frozen: Vec::new(),
            train_batches: None,
            passes_before: 0,
            validation_follows: false,
            profile: settings.profiler.map(|_| Profile::default()),
            stop: None,
            sanity_checking: false,
            started: None,
            told_minimum: false,
            validated: None,
            kept: Vec::new(),
            skip_epoch: false,
            failing: false,
            validates: false,
            validation_only: None,
            hparams: Value::Null,
            fields: M::FIELDS,
            declared: M::METRICS,
            scalers: Vec::new(),
            lowering: None,
            warnings: note.into_iter().collect(),
            settings,
        };
        Ok(Trainer { run, callbacks, known: None })
    }
}

/// Looks at what callbacks have to say together, and takes over what they set.
fn check_together<M>(
    callbacks: &[Box<dyn Callback<M>>],
    settings: &mut Settings,
    problems: &mut Problems,
    optimizes_by_itself: bool,
) {
    if callbacks.iter().filter(|callback| callback.averages_weights()).count() > 1 {
        problems.add("two callbacks average the weights", "leave one of them out: a checkpoint shows one average");
    }
    let mut schedules = callbacks.iter().filter_map(|callback| callback.accumulation());
    let Some(schedule) = schedules.next() else { return };
    if schedules.next().is_some() {
        problems.add("two callbacks schedule the accumulation of gradients", "leave one of them out");
    }
    if settings.optimization.accumulate != 1 {
        problems.add(
            format!(
                "`accumulate_grad_batches({})` is set, and `GradientAccumulationScheduler` is given",
                settings.optimization.accumulate
            ),
            "leave one of the two out; the epochs before the schedule's first have one batch a step",
        );
    }
    if optimizes_by_itself {
        problems.add(
            "`GradientAccumulationScheduler` is given, and the module optimizes by itself",
            "leave it out, and step every n-th batch in `training_step`",
        );
    }
    settings.optimization.accumulation = schedule;
}
