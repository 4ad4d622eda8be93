//! What a run knows while it goes on: counters, metrics, optimizers, outputs. Nothing here depends on the module.

use std::{
    any::Any,
    path::{Path, PathBuf},
    time::Instant,
};

use burn::tensor::{Device, FloatDType, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    checkpoint::{Checkpoint, Resume},
    console::{profiler::Profile, progress_bar::Progress, table},
    engine::{
        checkpoints::Saving,
        resume::{LoopPosition, Phase},
    },
    error::{Error, Location, Result},
    hooks::{Hook, HookSet},
    loggers::{LogPosition, Logger, Output, Record, RunStatus},
    metrics::{EpochValue, MetricDef, MetricStore, ScopeId, StageSet},
    module::{FieldDef, LightningModule, TrainingMode, context::Inbox},
    optim::Optimizer,
    params::GradientStore,
    precision::LossScaler,
    settings::{ClipAlgorithm, ReadBack, Settings},
    stage::Stage,
    tensor::readback,
    trainer::report::StopReason,
};

/// How far a run is. Counted in one place each, and never reset by a second `fit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// The epoch in progress, which is also how many are finished.
    pub(crate) epoch: u64,
    /// Windows in which an optimizer stepped.
    pub(crate) global_step: u64,
    /// Training batches.
    pub(crate) batch_step: u64,
    /// Training steps that returned `None`.
    pub(crate) skipped_batches: u64,
    /// Windows whose gradients were not finite where losses are scaled.
    #[serde(default)]
    pub(crate) skipped_steps: u64,
    /// Validation runs, the sanity check left out.
    pub(crate) validation_runs: u64,
}

/// What checkpoint callbacks have written.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckpointBoard {
    pub(crate) best: Option<BestCheckpoint>,
}

/// The checkpoint that a run was resumed from.
#[derive(Clone, Debug)]
pub(crate) struct ResumedFrom {
    pub(crate) path: PathBuf,
    /// Whether the program named the file, so that it is the user's and stays.
    pub(crate) named: bool,
}

/// The best checkpoint so far.
#[derive(Clone, Debug)]
pub(crate) struct BestCheckpoint {
    pub(crate) path: PathBuf,
    /// The monitored metric and its value; `None` when the latest checkpoint counts as the best.
    pub(crate) score: Option<(String, f64)>,
}

/// The state of a run.
#[derive(Debug)]
pub(crate) struct RunState {
    pub(crate) settings: Settings,
    pub(crate) stage: Stage,
    pub(crate) device: Device,
    /// Whether logged tensors are read at once.
    pub(crate) host: bool,
    pub(crate) seed: u64,
    pub(crate) progress: Counters,
    /// Where in the epochs the run is.
    pub(crate) position: LoopPosition,
    /// The epoch begun last, which is what files are called by.
    pub(crate) last_epoch: u64,
    pub(crate) batch_idx: u64,
    pub(crate) loader_idx: usize,
    pub(crate) metrics: MetricStore,
    pub(crate) scope: ScopeId,
    pub(crate) entries: Inbox,
    /// Whether what steps log is dropped: in a pass that leaves no trace.
    pub(crate) discards_logs: bool,
    /// The size of the batch at hand: it weighs what batch hooks log.
    pub(crate) batch_size: Option<usize>,
    pub(crate) loss: Option<Tensor<1>>,
    /// What the last training step handed on with `Loss::output`.
    pub(crate) output: Option<Box<dyn Any + Send>>,
    /// Where a prediction run puts its outputs: a `CollectedOutputs` of them.
    pub(crate) predictions: Option<Box<dyn Any + Send>>,
    pub(crate) optimizers: Vec<Optimizer>,
    /// How a batch is trained on.
    pub(crate) training: TrainingMode,
    /// Whether the module writes `configure_gradient_clipping`.
    pub(crate) clips_by_itself: bool,
    /// The optimizer of each of several training steps.
    pub(crate) bound: Vec<usize>,
    /// The gradients of the accumulation windows: one, or one for each of several training steps.
    pub(crate) windows: Vec<GradientStore>,
    /// The parameters out of sight in a step of one of several optimizers; kept for its memory.
    pub(crate) hidden: Vec<usize>,
    /// How the gradients of the step at hand are clipped.
    pub(crate) clip: Option<(f64, ClipAlgorithm)>,
    /// Whether an optimizer was stepped by hand in this batch.
    pub(crate) stepped: bool,
    /// Trainable elements by optimizer and group.
    pub(crate) trained: Vec<Vec<u64>>,
    pub(crate) loggers: Loggers,
    /// The hooks that each callback has not written.
    pub(crate) not_implemented: Vec<HookSet>,
    pub(crate) bar: Progress,
    pub(crate) checkpoints: CheckpointBoard,
    pub(crate) saving: Saving,
    /// Where the next `fit` begins.
    pub(crate) resume: Resume,
    /// The checkpoint that a run is resuming from.
    pub(crate) resuming: Option<Box<Checkpoint>>,
    /// The checkpoint that the run was resumed from.
    pub(crate) resumed_from: Option<ResumedFrom>,
    /// What the program has otherwise than the checkpoint.
    pub(crate) differences: Vec<String>,
    /// The paths of what took no gradient at the start of `fit`.
    pub(crate) declared_frozen: Vec<String>,
    /// Batches in an epoch of the training loader, before limits.
    pub(crate) train_batches: Option<u64>,
    /// Backward passes in the accumulation windows when the batch at hand began.
    pub(crate) passes_before: u64,
    /// Whether a validation follows the batch at hand.
    pub(crate) validation_follows: bool,
    /// Where the time goes, if that is asked for.
    pub(crate) profile: Option<Profile>,
    pub(crate) stop: Option<StopReason>,
    pub(crate) sanity_checking: bool,
    /// When this entry point began.
    pub(crate) started: Option<Instant>,
    /// When the last validation ended.
    pub(crate) validated: Option<Instant>,
    /// What the steps of an evaluation returned for the hook after them.
    pub(crate) kept: Vec<Box<dyn Any + Send>>,
    /// Whether `on_train_batch_start` asked to leave the rest of the epoch out.
    pub(crate) skip_epoch: bool,
    /// Whether it has been said that a stop has to wait for `min_epochs` or `min_steps`.
    pub(crate) told_minimum: bool,
    /// Whether an error is on its way out: monitoring callbacks stay quiet then.
    pub(crate) failing: bool,
    /// Whether validation runs in this `fit`.
    pub(crate) validates: bool,
    /// A monitored metric that only validation gives.
    pub(crate) validation_only: Option<String>,
    pub(crate) hparams: Value,
    pub(crate) fields: &'static [FieldDef],
    /// The module's declared metrics.
    pub(crate) declared: &'static [MetricDef],
    /// The loss scaler of each accumulation window, where losses are scaled.
    pub(crate) scalers: Vec<LossScaler>,
    /// The type of the copies that steps compute with.
    pub(crate) lowering: Option<FloatDType>,
    pub(crate) warnings: Vec<String>,
}

impl RunState {
    /// A run of a module of type `M` that has not begun.
    pub(crate) fn new<M: LightningModule>(
        settings: Settings,
        device: Device,
        loggers: Vec<Box<dyn Logger>>,
        resume: Resume,
    ) -> Self {
        Self {
            host: Self::is_host(&settings, &device),
            bar: Progress::new(settings.output.progress_bar),
            stage: Stage::Fit,
            device,
            seed: 0,
            progress: Counters::default(),
            position: LoopPosition::default(),
            last_epoch: 0,
            batch_idx: 0,
            loader_idx: 0,
            metrics: MetricStore::new(M::METRICS),
            scope: ScopeId::CLOSED,
            entries: Inbox::default(),
            discards_logs: false,
            not_implemented: Vec::new(),
            batch_size: None,
            loss: None,
            output: None,
            predictions: None,
            optimizers: Vec::new(),
            training: M::TRAINING,
            clips_by_itself: M::HOOKS.contains(Hook::ConfigureGradientClipping),
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
            warnings: Vec::new(),
            settings,
        }
    }

    pub(crate) fn is_host(settings: &Settings, device: &Device) -> bool {
        settings.readback == ReadBack::Auto && readback::is_host(device)
    }

    /// Starts to measure an action.
    pub(crate) fn clock(&self) -> Option<Instant> {
        self.profile.is_some().then(Instant::now)
    }

    /// Counts an action that began then.
    pub(crate) fn measured(&mut self, action: &'static str, since: Option<Instant>) {
        if let (Some(profile), Some(since)) = (&mut self.profile, since) {
            profile.count(action, since.elapsed());
        }
    }

    /// Whether a logged tensor is read at once.
    pub(crate) fn reads_at_once(&self) -> bool {
        self.host && !self.settings.barebones
    }

    /// Asks for the end of the run after this batch.
    pub(crate) fn request_stop(&mut self, reason: String) {
        self.stop.get_or_insert(StopReason::Requested(reason));
    }

    pub(crate) fn learning_rates(&self) -> Vec<(String, f64)> {
        let mut rates = Vec::new();
        for optimizer in &self.optimizers {
            let several = optimizer.rates().count() > 1;
            for (number, lr) in optimizer.rates().enumerate() {
                let group = if several { format!("/pg{}", number + 1) } else { String::new() };
                rates.push((format!("{}{group}", optimizer.name()), lr));
            }
        }
        rates
    }

    /// The optimizer with the name.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn optimizer(&mut self, name: &str) -> Result<&mut Optimizer> {
        match self.optimizers.iter().position(|optimizer| optimizer.name() == name) {
            Some(at) => Ok(&mut self.optimizers[at]),
            None => {
                let names = table::listed(self.optimizers.iter().map(Optimizer::name));
                Err(Error::config(format!("there is no optimizer `{name}` here"))
                    .help(format!("the optimizers are {names}")))
            }
        }
    }

    /// Whether a declared metric is logged in validation alone.
    pub(crate) fn is_validation_only(&self, name: &str) -> bool {
        self.declared.iter().any(|def| def.name == name && def.stages == StageSet::VAL)
    }

    pub(crate) fn print(&mut self, text: &str) {
        self.bar.println(text);
    }

    /// A warning: printed now, and listed in the report.
    pub(crate) fn warn(&mut self, text: String) {
        self.bar.println(&format!("warning: {text}"));
        self.warnings.push(text);
    }

    /// Says once of each metric that it has become NaN, or could not be resumed: the run goes on, and nobody should have to find out at its
    /// end.
    fn warn_of_nan(&mut self) {
        for text in self.metrics.take_warnings() {
            self.warn(text);
        }
        for name in self.metrics.take_not_a_number() {
            let (epoch, batch) = (self.progress.epoch, self.batch_idx);
            self.warn(format!("`{name}` is NaN, seen in epoch {epoch} at batch {batch}"));
        }
    }

    /// The stages that log a declared metric; `None` for a name of run time.
    pub(crate) fn declared_stages(&self, name: &str) -> Option<StageSet> {
        self.declared.iter().find(|def| def.name == name).map(|def| def.stages)
    }

    /// Whether a batch that failed has added to an accumulation window, which cannot be undone.
    pub(crate) fn are_windows_spoilt(&self) -> bool {
        self.position.phase == Phase::Batch && self.passes() != self.passes_before
    }

    /// Backward passes in all accumulation windows.
    pub(crate) fn passes(&self) -> u64 {
        self.windows.iter().map(GradientStore::passes).sum()
    }

    /// Where the run is, for an error.
    pub(crate) fn location(&self, hook: Option<String>, in_batch: bool) -> Location {
        let hook = match self.sanity_checking {
            true => Some(format!("{} (sanity check before training)", hook.as_deref().unwrap_or("validation"))),
            false => hook,
        };
        Location {
            stage: Some(self.stage),
            epoch: matches!(self.stage, Stage::Fit | Stage::Validate).then_some(self.progress.epoch),
            batch: in_batch.then_some(self.batch_idx),
            global_step: (self.stage == Stage::Fit).then_some(self.progress.global_step),
            hook,
            path: None,
        }
    }

    /// Takes what was logged since the last call into the current scope.
    pub(crate) fn drain_log(&mut self) -> Result<()> {
        if self.discards_logs || self.settings.barebones {
            self.entries.clear();
            return Ok(());
        }
        let Self { metrics, scope, entries, batch_size, host, .. } = self;
        metrics.drain_log(*scope, &mut entries.entries, *batch_size, *host)?;
        if self.entries.outputs.is_empty() { Ok(()) } else { self.show_outputs() }
    }

    /// Hands images, texts and the like to the loggers. The sanity check leaves none.
    fn show_outputs(&mut self) -> Result<()> {
        for output in std::mem::take(&mut self.entries.outputs) {
            let batch = output.in_batch.then_some(self.batch_idx);
            let position = self.log_position(batch);
            if !self.sanity_checking {
                self.loggers.show(output, position)?;
            }
        }
        Ok(())
    }

    fn log_position(&self, batch: Option<u64>) -> LogPosition {
        let Counters { epoch, global_step, batch_step, .. } = self.progress;
        LogPosition::new(self.stage, epoch, batch, batch_step, global_step)
    }

    fn record(&self, batch: Option<u64>, metrics: Vec<(String, f64)>) -> Record {
        Record { position: self.log_position(batch), metrics }
    }

    /// Sends the values of the step just done to the loggers when their interval has come round.
    pub(crate) fn log_step(&mut self, stepped: bool) -> Result<()> {
        // Counted in optimizer steps: a batch that only adds to a window is not logged.
        let due = stepped && self.progress.global_step.is_multiple_of(self.settings.output.log_every_n_steps);
        let last = self.stop.is_some();
        if !(due || last) {
            self.metrics.end_step(self.scope);
            return Ok(());
        }
        let values = self.metrics.take_step_record(self.scope)?;
        self.warn_of_nan();
        if values.is_empty() {
            return Ok(());
        }
        let record = self.record(Some(self.batch_idx), values);
        self.loggers.log(&record)
    }

    /// Sends the values of an evaluated batch to the loggers, if any of its metrics asks for that with `on_step`.
    pub(crate) fn log_evaluated_batch(&mut self) -> Result<()> {
        if self.sanity_checking || !self.metrics.has_step_values(self.scope) {
            self.metrics.end_step(self.scope);
            return Ok(());
        }
        let values = self.metrics.take_step_record(self.scope)?;
        let record = self.record(Some(self.batch_idx), values);
        self.loggers.log(&record)
    }

    /// Sends the values of an epoch to the loggers.
    pub(crate) fn log_epoch(&mut self, values: &[EpochValue]) -> Result<()> {
        self.warn_of_nan();
        for (name, text) in self.metrics.take_tables() {
            let position = self.log_position(None);
            self.loggers.show(Output::text(&name, &text, false), position)?;
        }
        let metrics: Vec<_> =
            values.iter().filter(|value| value.logger).map(|value| (value.name.clone(), value.value)).collect();
        if metrics.is_empty() {
            return Ok(());
        }
        let record = self.record(None, metrics);
        self.loggers.log(&record)
    }

    /// The folder of the first logger that has one, else the root folder.
    pub(crate) fn log_dir(&self) -> PathBuf {
        self.loggers.dir().map_or_else(|| self.settings.output.root.clone(), Path::to_path_buf)
    }
}

/// All loggers of a trainer, called as one.
#[derive(Default)]
pub(crate) struct Loggers {
    all: Vec<Box<dyn Logger>>,
    /// The last batch that was logged, and how many records it had.
    last: (u64, u64),
}

impl std::fmt::Debug for Loggers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all.iter().map(|logger| logger.name().to_owned())).finish()
    }
}

impl Loggers {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn new(all: Vec<Box<dyn Logger>>) -> Self {
        Self { all, last: (0, 0) }
    }

    /// How many records were logged after this many training batches.
    pub(crate) fn records_at(&self, batch_step: u64) -> u64 {
        if self.last.0 == batch_step { self.last.1 } else { 0 }
    }

    /// The runs that the first logger with a folder has written before, the oldest first: their versions and folders.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub(crate) fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        for logger in &self.all {
            let runs = logger.earlier_runs()?;
            if !runs.is_empty() {
                return Ok(runs);
            }
        }
        Ok(Vec::new())
    }

    /// Goes on with a version where a checkpoint ends.
    ///
    /// # Errors
    /// When a logger cannot take it up.
    pub(crate) fn resume(&mut self, version: &str, batch_step: u64, records: u64) -> Result<()> {
        self.all.iter_mut().try_for_each(|logger| logger.resume_at(version, batch_step, records))
    }

    /// Counts from a checkpoint's number of records on.
    pub(crate) fn count_from(&mut self, batch_step: u64, records: u64) {
        self.last = (batch_step, records);
    }

    pub(crate) fn start(&mut self, hparams: &Value) -> Result<()> {
        for logger in &mut self.all {
            logger.start()?;
            logger.log_hyperparams(hparams)?;
        }
        Ok(())
    }

    pub(crate) fn log(&mut self, record: &Record) -> Result<()> {
        let step = record.position.batch_step;
        self.last = (step, self.records_at(step) + 1);
        self.all.iter_mut().try_for_each(|logger| logger.log_metrics(record))
    }

    pub(crate) fn show(&mut self, output: Output, position: LogPosition) -> Result<()> {
        output.show(&mut self.all, position)
    }

    pub(crate) fn save(&mut self) -> Result<()> {
        self.all.iter_mut().try_for_each(|logger| logger.save())
    }

    /// Closes every logger, and gives back the first error.
    pub(crate) fn finalize(&mut self, status: RunStatus) -> Result<()> {
        let mut first: Option<Error> = None;
        for logger in &mut self.all {
            if let Err(error) = logger.finalize(status) {
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(()), Err)
    }

    pub(crate) fn dir(&self) -> Option<&Path> {
        self.all.iter().find_map(|logger| logger.log_dir())
    }
}
