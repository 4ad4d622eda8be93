//! The settings of a trainer, and their check.

use super::Trainer;
use crate::{
    callbacks::{Callback, ModelCheckpoint},
    engine::run::RunState,
    error::{ConfigErrors, Result},
    module::{LightningModule, ModuleInfo, StartsTrainer, TrainingMode},
    settings::{Settings, TrainerBuilder},
    tensor::readback,
    trainer::devices,
};

impl<M: LightningModule> TrainerBuilder<M> {
    /// Checks all settings together.
    ///
    /// # Errors
    /// One error that lists every problem with its remedy.
    pub fn build(self) -> Result<Trainer<M>> {
        let Self { mut settings, errors: mut problems, mut callbacks, mut loggers, resume } = self;
        for callback in &callbacks {
            if let Err(error) = callback.check() {
                problems.add(error.message().to_owned(), error.remedy().unwrap_or("see its documentation"));
            }
        }
        let has_checkpoint = callbacks.iter().any(|callback| callback.info().is_checkpoint);
        if has_checkpoint && !settings.output.checkpointing {
            problems.add(
                "`enable_checkpointing(false)` is set and a `ModelCheckpoint` is given",
                "leave one of the two out",
            );
        }
        check_barebones(&callbacks, &settings, &mut problems);
        let (accelerator, index, precision) =
            (settings.accelerator, settings.strategy.index(), settings.numerics.precision);
        let choose = || devices::choose(accelerator, index, precision);
        if let Some(devices::Choice { device, .. }) = problems.take(choose())
            && settings.run.deterministic
            && !readback::is_host(&device)
        {
            problems.add(
                format!("`deterministic(true)` is set, and {device:?} chooses its kernels by timing them"),
                "use `accelerator(\"cpu\")`, or leave one of the two out",
            );
        }
        let by_hand = matches!(M::TRAINING, TrainingMode::Manual);
        if by_hand {
            check_by_hand(&settings, &mut problems);
        }
        check_together(&callbacks, &mut settings, &mut problems, by_hand);
        let mut settings = settings.check(problems)?;
        if callbacks.iter().any(|callback| callback.info().is_model_summary) {
            settings.output.model_summary = false;
        }
        let devices::Choice { device, note } = choose()?;
        #[cfg(feature = "tune-allocator")]
        if settings.run.tune_allocator {
            crate::os::allocator::keep_memory();
        }
        if settings.run.fast_dev_run.is_some() {
            loggers.clear();
        }
        #[cfg(feature = "csv")]
        if loggers.is_empty() && settings.output.default_logger {
            loggers.push(Box::new(crate::loggers::CsvLogger::new(settings.output.root.join("lightning_logs"))));
        }
        if !has_checkpoint && settings.output.checkpointing {
            callbacks.push(Box::new(ModelCheckpoint::<M>::latest()));
        }
        callbacks.sort_by_key(|callback| callback.info().order);
        let mut run = RunState::new(ModuleInfo::of::<M>(), settings, device, loggers, resume);
        run.callbacks.orders = callbacks.iter().map(|callback| callback.info().order).collect();
        run.console.notes.extend(note);
        Ok(Trainer { run, callbacks, known: None })
    }
}

/// Looks at what callbacks have to say together, and takes over what they set.
fn check_together<M>(
    callbacks: &[Box<dyn Callback<M>>],
    settings: &mut Settings,
    problems: &mut ConfigErrors,
    optimizes_by_itself: bool,
) {
    if callbacks.iter().filter(|callback| callback.info().averages_weights).count() > 1 {
        problems.add("two callbacks average the weights", "leave one of them out: a checkpoint shows one average");
    }
    let mut schedules = callbacks.iter().filter_map(|callback| callback.info().accumulation);
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

/// What a run without anything around it has no use for.
fn check_barebones<M>(callbacks: &[Box<dyn Callback<M>>], settings: &Settings, problems: &mut ConfigErrors) {
    if !settings.run.barebones {
        return;
    }
    if callbacks.iter().any(|callback| callback.info().is_checkpoint) {
        problems.add(
            "`barebones(true)` is set and a `ModelCheckpoint` is given, and a barebones run has no such thing",
            "leave one of the two out",
        );
    }
    for metric in callbacks.iter().flat_map(|callback| callback.info().monitors) {
        problems.add(
            format!("`barebones(true)` is set, and a callback reads `{metric}`, which is not logged then"),
            "leave one of the two out",
        );
    }
}

/// What a module that optimizes by itself has to do itself.
fn check_by_hand(settings: &Settings, problems: &mut ConfigErrors) {
    let optimization = &settings.optimization;
    if optimization.accumulate > 1 {
        problems.add(
            "`accumulate_grad_batches` is set, and the module optimizes by itself",
            "leave it out, and step every n-th batch in `training_step`",
        );
    }
    if let Some(precision) = settings.numerics.precision.filter(|precision| precision.is_mixed()) {
        problems.add(
            format!("`precision(\"{precision}\")` is set, and the module optimizes by itself"),
            "use `bf16-true` or `32-true`, or a `training_step` without `#[manual_optimization]`",
        );
    }
    if optimization.clip.is_some() {
        problems.add(
            "`gradient_clip_val` is set, and the module optimizes by itself",
            "leave it out, and write `optimizers.step(KEY, self, gradients.clip_norm(limit))`",
        );
    }
}

impl<M> StartsTrainer for TrainerBuilder<M> {
    fn start() -> Self {
        Trainer::builder()
    }
}
