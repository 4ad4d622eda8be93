//! Builds a trainer from its settings.

use std::path::Path;

use super::{Trainer, join};
use crate::{
    callbacks::{Callback, ModelCheckpoint},
    console::table,
    engine::run::RunState,
    error::{ConfigErrors, Error, Result},
    loggers::Logger,
    module::{LightningModule, ModuleInfo, StartsTrainer, TrainingMode},
    os::panics::{catch_in, catch_panic},
    remote,
    report::Report,
    settings::{Settings, TrainerBuilder},
    tensor::readback,
    trainer::devices,
};

impl<M: LightningModule, K> TrainerBuilder<M, K> {
    /// Checks all settings together, and creates the trainer.
    ///
    /// # Errors
    /// If settings or callbacks are not valid: one error with every problem and its remedy.
    pub fn build(self) -> Result<Trainer<M>> {
        catch_in(|| "build".to_owned(), || Ok(self.try_build()))?
    }

    fn try_build(self) -> Result<Trainer<M>> {
        let Self { mut settings, errors: mut problems, mut callbacks, mut loggers, resume, kind: _ } = self;
        for callback in &callbacks {
            if let Err(error) = catch_panic(|| callback.check()) {
                problems.add(error.message().to_owned(), error.remedy().unwrap_or("see its documentation"));
            }
        }
        let has_checkpoint = callbacks.iter().any(|callback| callback.info().is_checkpoint);
        if has_checkpoint && !settings.output.checkpointing {
            problems.add(
                "`enable_checkpointing(false)` disables the `ModelCheckpoint`, and both are set",
                "remove one of the two",
            );
        }
        check_barebones(&callbacks, &settings, &mut problems);
        check_needs(&callbacks, &settings, !loggers.is_empty(), &mut problems);
        let (accelerator, precision) = (settings.accelerator, settings.numerics.precision);
        let choose = |index| devices::choose(accelerator, index, precision);
        if let Some(devices::Choice { device, .. }) = problems.take(choose(settings.strategy.index(0)))
            && settings.run.deterministic
            && !readback::is_host(&device)
        {
            problems.add(
                format!(
                    "`deterministic(true)` needs a device with fixed kernels; {device:?} chooses kernels by timing them"
                ),
                "write `accelerator(\"cpu\")`, or remove `deterministic(true)`",
            );
        }
        let is_manual = matches!(M::TRAINING, TrainingMode::Manual);
        if is_manual {
            check_manual_optimization(&settings, &mut problems);
        }
        check_together(&callbacks, &mut settings, &mut problems, is_manual);
        if let Some(root) = problems.take(remote::resolve(&settings.output.root)) {
            settings.output.root = root;
        }
        let mut settings = settings.check(problems)?;
        for info in callbacks.iter().map(|callback| callback.info()) {
            match info.summary_depth {
                Some(levels) => (settings.output.model_summary, settings.output.summary_depth) = (true, levels),
                None if info.is_model_summary => settings.output.model_summary = false,
                None => {}
            }
        }
        let joined = join::join(&settings.strategy)?;
        let rank = joined.rank();
        let resume = join::resume(resume);
        if !rank.is_alone() {
            check_several(&callbacks)?;
        }
        let mut choice = choose(settings.strategy.index(0))?;
        // On the CPU the processes share the device.
        if rank.local > 0 && !readback::is_host(&choice.device) {
            choice = choose(settings.strategy.index(rank.local))?;
        }
        let devices::Choice { device, note } = choice;
        let of_cores = joined.warning.clone();
        let strategy = joined.strategy(&settings.strategy, settings.run.deterministic, &device)?;
        #[cfg(feature = "tune-allocator")]
        if settings.run.tune_allocator {
            crate::os::allocator::keep_memory();
        }
        if settings.run.fast_dev_run.is_some() {
            loggers.clear();
        }
        if !rank.is_global_zero() {
            loggers.clear();
            settings.output.leave_to_first();
        }
        if loggers.is_empty() && settings.output.default_logger {
            loggers = default_loggers(&settings.output.root.join("lightning_logs"));
        }
        if !has_checkpoint && settings.output.checkpointing {
            callbacks.push(Box::new(ModelCheckpoint::<M>::latest()));
        }
        callbacks.sort_by_key(|callback| callback.info().order);
        let page = if loggers.is_empty() || !settings.output.report {
            Report::default()
        } else {
            let (page, logger) = Report::new();
            loggers.push(logger);
            page
        };
        let mut run = RunState::new(ModuleInfo::of::<M>(), settings, device, loggers, resume, strategy);
        run.report = page;
        run.callbacks.orders = callbacks.iter().map(|callback| callback.info().order).collect();
        run.callbacks.checkpoint_folders =
            callbacks.iter().filter_map(|callback| callback.info().checkpoint_folder).collect();
        run.callbacks.judges_steps = callbacks.iter().any(|callback| callback.info().judges_steps);
        run.console.warnings.extend(note);
        of_cores.into_iter().for_each(|text| run.console.warn(text));
        if run.settings.run.barebones && !M::METRICS.is_empty() {
            let count = M::METRICS.len();
            run.console.print(&format!(
                "note: a barebones trainer drops what `{}` logs with `#[log]`, {count} metrics: reports and callbacks have no \
                 values",
                M::NAME
            ));
        }
        Ok(Trainer { run, callbacks, known: None })
    }
}

#[cfg(feature = "cli")]
impl<M, K> TrainerBuilder<M, K> {
    /// Returns the checkpoint that a run of this trainer would resume from. Nothing is written.
    ///
    /// # Errors
    /// If there must be one and none is found, or it cannot be read.
    pub(crate) fn locate(&self, resume: &crate::Resume) -> Result<Option<crate::checkpoint::Checkpoint>> {
        let root = &self.settings.output.root;
        let default = match self.loggers.is_empty() && self.settings.output.default_logger {
            true => default_loggers(&root.join("lightning_logs")),
            false => Vec::new(),
        };
        let mut runs = Vec::new();
        for logger in self.loggers.iter().chain(&default) {
            runs = logger.earlier_runs()?;
            if !runs.is_empty() {
                break;
            }
        }
        let folders = self.callbacks.iter().filter_map(|callback| callback.info().checkpoint_folder).collect();
        crate::engine::resume::locate(resume, folders, root, &runs)
    }
}

/// The loggers of a trainer without `.logger(…)`, which share the folder of the run.
fn default_loggers(folder: &Path) -> Vec<Box<dyn Logger>> {
    let _ = folder;
    vec![
        #[cfg(feature = "csv")]
        Box::new(crate::loggers::CsvLogger::new(folder)),
        #[cfg(feature = "tensorboard")]
        Box::new(crate::loggers::TensorBoardLogger::new(folder)),
    ]
}

/// Rejects what several processes cannot do.
///
/// # Errors
/// Names the callback.
fn check_several<M>(callbacks: &[Box<dyn Callback<M>>]) -> Result<()> {
    match callbacks.iter().find(|callback| callback.info().judges_steps) {
        Some(callback) => Err(Error::config(format!(
            "`{}` leaves batches out by the loss of one process, and the run has several",
            callback.state_key()
        ))
        .help("remove it, or train in one process")),
        None => Ok(()),
    }
}

/// Checks what callbacks and settings ask for together, and applies the accumulation that a
/// callback schedules.
fn check_together<M>(
    callbacks: &[Box<dyn Callback<M>>],
    settings: &mut Settings,
    problems: &mut ConfigErrors,
    is_manual: bool,
) {
    let averaging: Vec<_> = callbacks
        .iter()
        .filter(|callback| callback.info().averages_weights)
        .map(|callback| callback.state_key())
        .collect();
    if averaging.len() > 1 {
        let names = table::listed(averaging.iter().map(String::as_str));
        problems.add(
            format!("at most one callback may average the weights, found {}: {names}", averaging.len()),
            "keep one of them",
        );
    }
    let mut schedules = callbacks.iter().filter_map(|callback| callback.info().accumulation);
    let Some(schedule) = schedules.next() else { return };
    if schedules.next().is_some() {
        problems.add("at most one callback may schedule the accumulation, found two", "remove one of them");
    }
    if settings.optimization.accumulate != 1 {
        problems.add(
            format!(
                "`accumulate_grad_batches({})` and a `GradientAccumulationScheduler` both set the accumulation",
                settings.optimization.accumulate
            ),
            "remove one of the two; before the schedule's first epoch, each batch has an optimizer step",
        );
    }
    if is_manual {
        problems.add(
            "`GradientAccumulationScheduler` is not available with manual optimization",
            "remove it, and step every n-th batch in `training_step`",
        );
    }
    settings.optimization.accumulation = schedule;
}

/// Rejects callbacks that lack a logger, or a length of the run in epochs.
fn check_needs<M>(
    callbacks: &[Box<dyn Callback<M>>],
    settings: &Settings,
    has_logger: bool,
    problems: &mut ConfigErrors,
) {
    if settings.run.fast_dev_run.is_some() {
        return;
    }
    let has_default = cfg!(any(feature = "csv", feature = "tensorboard"))
        && settings.output.default_logger
        && !settings.run.barebones;
    let has_epochs = settings.length.has_epochs();
    for info in callbacks.iter().map(|callback| callback.info()) {
        if let Some(callback) = info.needs_logger.filter(|_| !has_logger && !has_default) {
            problems.add(
                format!("`{callback}` needs a logger, found none"),
                "remove `.no_logger()`, or add `.logger(CsvLogger::new(\"lightning_logs\"))`",
            );
        }
        if let Some(setting) = info.needs_max_epochs.filter(|_| !has_epochs) {
            problems.add(
                format!("{setting} is a fraction of `max_epochs`, which is not set"),
                "set `.max_epochs(…)`, or write the epoch as an integer",
            );
        }
    }
}

/// Rejects callbacks that need what a barebones trainer does not have.
fn check_barebones<M>(callbacks: &[Box<dyn Callback<M>>], settings: &Settings, problems: &mut ConfigErrors) {
    if !settings.run.barebones {
        return;
    }
    if callbacks.iter().any(|callback| callback.info().is_checkpoint) {
        problems.add(
            "a barebones trainer saves no checkpoints, found a `ModelCheckpoint`",
            "remove it, or write `Net::trainer()`",
        );
    }
    for metric in callbacks.iter().flat_map(|callback| callback.info().monitors) {
        problems.add(
            format!("a barebones trainer logs nothing, found a callback that monitors `{metric}`"),
            "remove it, or write `Net::trainer()`",
        );
    }
}

/// Rejects settings that the module must implement itself in manual optimization.
fn check_manual_optimization(settings: &Settings, problems: &mut ConfigErrors) {
    let optimization = &settings.optimization;
    if optimization.accumulate > 1 {
        problems.add(
            "`accumulate_grad_batches` is not available with manual optimization",
            "remove it, and step every n-th batch in `training_step`",
        );
    }
    if let Some(precision) = settings.numerics.precision.filter(|precision| precision.is_mixed()) {
        problems.add(
            format!("`precision(\"{precision}\")` is not available with manual optimization"),
            "write `bf16-true` or `32-true`, or a `training_step` without `#[manual_optimization]`",
        );
    }
    if optimization.clip.is_some() {
        problems.add(
            "`gradient_clip_val` is not available with manual optimization",
            "remove it, and write `optimizers.step(KEY, self, gradients.clip_norm(limit))`",
        );
    }
}

impl<M> StartsTrainer for TrainerBuilder<M> {
    fn start() -> Self {
        Trainer::builder()
    }
}
