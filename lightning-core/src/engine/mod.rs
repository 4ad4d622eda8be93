//! The engine: the order of a run, compiled once. It sees a module only through the [`Driver`].

pub(crate) mod checkout;
pub(crate) mod checkpoints;
pub(crate) mod driver;
mod hooks;
mod log_state;
pub(crate) mod loss_scaling;
mod manual;
pub(crate) mod module_driver;
pub(crate) mod norm_statistics;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod snapshot;
pub(crate) mod summary;
pub(crate) mod train_step;
pub(crate) mod val_schedule;

use std::time::Instant;

use self::driver::CallbackStatesAfter;
use crate::{
    data::{EpochOffset, StepCall},
    engine::{
        driver::{Driver, LoaderId, LoaderInfo, Mode},
        run::RunState,
        val_schedule::ValSchedule,
    },
    error::{Error, ErrorKind, Result},
    hooks::Hook,
    loggers::RunStatus,
    metrics::ScopeId,
    module::FitContext,
    optim::Interval,
    os::signals,
    progress::{Limit, LoopPosition, Phase, StopReason},
    random::{Stream, derive_seed, with_generator},
    stage::Stage,
};

/// The hooks of one evaluation stage.
struct EvalHooks {
    start: Hook,
    end: Hook,
    epoch_start: Hook,
    epoch_end: Hook,
    batch_start: Hook,
    batch_end: Hook,
}

impl EvalHooks {
    const fn of(stage: Stage) -> Self {
        match stage {
            Stage::Test => Self {
                start: Hook::OnTestStart,
                end: Hook::OnTestEnd,
                epoch_start: Hook::OnTestEpochStart,
                epoch_end: Hook::OnTestEpochEnd,
                batch_start: Hook::OnTestBatchStart,
                batch_end: Hook::OnTestBatchEnd,
            },
            Stage::Predict => Self {
                start: Hook::OnPredictStart,
                end: Hook::OnPredictEnd,
                epoch_start: Hook::OnPredictEpochStart,
                epoch_end: Hook::OnPredictEpochEnd,
                batch_start: Hook::OnPredictBatchStart,
                batch_end: Hook::OnPredictBatchEnd,
            },
            Stage::Fit | Stage::Validate => Self {
                start: Hook::OnValidationStart,
                end: Hook::OnValidationEnd,
                epoch_start: Hook::OnValidationEpochStart,
                epoch_end: Hook::OnValidationEpochEnd,
                batch_start: Hook::OnValidationBatchStart,
                batch_end: Hook::OnValidationBatchEnd,
            },
        }
    }
}

/// Runs `body` between a start hook and an end hook. The end hook runs on every way out; the first error is the one
/// given back.
fn with_events<T>(
    run: &mut RunState,
    driver: &mut dyn Driver,
    (start, end): (Hook, Hook),
    body: impl FnOnce(&mut RunState, &mut dyn Driver) -> Result<T>,
) -> Result<T> {
    let started =
        |run: &mut RunState, driver: &mut dyn Driver| driver.hook(start, run).and_then(|()| body(run, driver));
    with_end(run, driver, end, started)
}

/// As [`with_events`], for what has been started before.
fn with_end<T>(
    run: &mut RunState,
    driver: &mut dyn Driver,
    end: Hook,
    body: impl FnOnce(&mut RunState, &mut dyn Driver) -> Result<T>,
) -> Result<T> {
    let result = body(run, driver);
    if result.is_err() {
        fail(run, driver);
    }
    let ended = driver.hook(end, run);
    let value = result?;
    ended.inspect_err(|_| fail(run, driver))?;
    Ok(value)
}

/// Tells the callbacks, once, that an error is on its way out.
fn fail(run: &mut RunState, driver: &mut dyn Driver) {
    run.log.inbox.clear();
    if !std::mem::replace(&mut run.progress.failing, true)
        && let Err(error) = driver.hook(Hook::OnException, run)
    {
        // The first error is the one to report; this one must not hide it, nor be lost.
        run.console.warn(format!("`on_exception` failed as well: {error}"));
    }
    // What a callback asked for, before the end hooks change anything.
    if let Err(error) = checkpoints::flush(run, driver) {
        run.console.warn(format!("a checkpoint could not be written: {error}"));
    }
}

/// Runs one entry point between set-up and the closing of the loggers.
pub(crate) fn with_data<T>(
    run: &mut RunState,
    driver: &mut dyn Driver,
    body: impl FnOnce(&mut RunState, &mut dyn Driver) -> Result<T>,
) -> Result<T> {
    let result = driver.prepare_data(run).and_then(|()| driver.setup(run)).and_then(|()| {
        run.log.loggers.start(&run.hparams)?;
        body(run, driver)
    });
    let saved = checkpoints::flush_and_wait(run, driver);
    if let (Err(_), Err(error)) = (&result, &saved) {
        run.console.warn(format!("a checkpoint could not be written: {error}"));
    }
    if result.is_err() || saved.is_err() {
        fail(run, driver);
    }
    let torn_down = driver.teardown(run);
    run.console.bar.finish();
    if let Some(profile) = &mut run.console.profile {
        profile.end(run.progress.started);
        let text = profile.to_string();
        run.console.print(&text);
    }
    let status = match (&result, &torn_down) {
        _ if signals::pending() => RunStatus::Interrupted,
        (Ok(_), Ok(())) => RunStatus::Success,
        _ => RunStatus::Failed,
    };
    let closed = run.log.loggers.finalize(status);
    let value = result?;
    saved?;
    torn_down?;
    closed?;
    Ok(value)
}

/// What a `fit` needs to know of its loaders.
struct FitPlan {
    /// Training batches of the loader; `None` when it does not know.
    loader_batches: Option<u64>,
    /// Training batches in an epoch, after limits; `None` when the loader does not know.
    train_batches: Option<u64>,
    /// The same without `fast_dev_run`.
    whole_batches: Option<u64>,
    val: Vec<LoaderInfo>,
    schedule: ValSchedule,
}

/// Trains.
///
/// # Errors
/// The first error of a step, hook, callback, loader or logger, with its place in the run.
pub(crate) fn fit(run: &mut RunState, driver: &mut dyn Driver, has_validation_step: bool) -> Result<StopReason> {
    with_data(run, driver, |run, driver| {
        resume::restore(run, driver)?;
        if run.settings.limits.train.is_zero() {
            return Ok(StopReason::NoTraining);
        }
        // A run that has been resumed takes up its optimizers even where nothing is left to do: its next checkpoint has them.
        if run.resume.checkpoint.is_none()
            && let Some(reason) = nothing_left(run)
        {
            return Ok(reason);
        }
        let mut plan = open_fit(run, driver, has_validation_step)?;
        let mut reload = false;
        if run.settings.limits.reload_every_n_epochs.is_some() && !driver.can_reload() {
            run.console.warn(
                "`reload_dataloaders_every_n_epochs` is set, and `fit` was given loaders, not a data module".to_owned(),
            );
        }
        configure(run, driver, &plan)?;
        resume::restore_training_state(run, driver, plan.loader_batches)?;
        if let Some(reason) = nothing_left(run) {
            // An epoch that a stop has cut short counts as one that the run has had.
            run.progress.counters.epoch += u64::from(run.progress.position.phase != Phase::EpochStart);
            // The checkpoint of a last epoch is from before the final weights.
            finish_weights(run, driver, &plan)?;
            return Ok(reason);
        }
        if run.settings.output.model_summary {
            let text = summary::model_summary(run, driver)?;
            run.console.print(&text);
        }
        let reason = with_events(run, driver, (Hook::OnFitStart, Hook::OnFitEnd), |run, driver| {
            sanity_check(run, driver, &plan)?;
            run.log.scope = run.log.metrics.reopen(Stage::Fit, 0, "");
            with_events(run, driver, (Hook::OnTrainStart, Hook::OnTrainEnd), |run, driver| {
                loop {
                    if let Some(reason) = nothing_left(run) {
                        run.log.scope = ScopeId::CLOSED;
                        finish_weights(run, driver, &plan)?;
                        return Ok(reason);
                    }
                    safe_point(run, driver, false)?;
                    if reload {
                        plan = open_fit(run, driver, has_validation_step)?;
                    }
                    train_epoch(run, driver, &plan)?;
                    run.progress.counters.epoch += 1;
                    reload = is_time_to_reload(run, driver);
                }
            })
        });
        match reason {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(StopReason::Interrupted),
            reason => reason,
        }
    })
}

/// Gives the module the weights that training ends with.
fn finish_weights(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan) -> Result<()> {
    if driver.final_weights(run)? {
        norm_statistics::update_bn(run, driver, plan.train_batches)?;
    }
    Ok(())
}

/// # Errors
/// When a signal asks for the end of the run: raised between batches, so that end hooks run and files are closed.
fn check_signals(run: &RunState, in_batch: bool) -> Result<()> {
    if !signals::pending() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Interrupted, "interrupted by a signal").at(run.progress.location(None, in_batch)))
}

/// Answers the signals that have come, and writes the checkpoints that have been asked for.
///
/// # Errors
/// Those of a checkpoint, and [`check_signals`]'.
fn safe_point(run: &mut RunState, driver: &mut dyn Driver, in_batch: bool) -> Result<()> {
    checkpoints::answer_signal(run);
    if signals::pending() {
        checkpoints::save_interrupted(run, driver)?;
    }
    checkpoints::flush(run, driver)?;
    check_signals(run, in_batch)
}

fn open_fit(run: &mut RunState, driver: &mut dyn Driver, has_validation_step: bool) -> Result<FitPlan> {
    let limits = run.settings.limits.clone();
    let val = if limits.val.is_zero() { Vec::new() } else { opened(driver.open_eval(), run, Stage::Validate)? };
    if has_validation_step && val.is_empty() && !limits.val.is_zero() {
        return Err(Error::config("the module has a `validation_step`, and there is no validation loader")
            .help("pass `(train, val)` or write `val_dataloader`; `limit_val_batches(0)` says that none is wanted"));
    }
    run.progress.validation.enabled = !val.is_empty();
    if let (false, Some(metric)) = (run.progress.validation.enabled, &run.callbacks.validation_only) {
        return Err(Error::config(format!(
            "a callback monitors `{metric}`, which only validation gives, and there is none"
        ))
        .help("pass `(train, val)` or write `val_dataloader`, or monitor a training metric"));
    }
    let train = opened(driver.open_train(), run, Stage::Fit)?
        .ok_or_else(|| Error::data("there is no training loader").help("pass one, or write `train_dataloader`"))?;
    let train_batches = limits.train.of(train.len, "limit_train_batches")?;
    if train_batches == Some(0) && train.len == Some(0) {
        return Err(Error::data("the training loader has no batches").help("give it at least one batch of data"));
    }
    let whole_batches = run.settings.whole.train.of(train.len, "limit_train_batches")?;
    if limits.overfit.is_some() {
        driver.disable_shuffle();
    }
    let schedule = ValSchedule::new(&run.settings.validation, train_batches)?;
    Ok(FitPlan { loader_batches: train.len, train_batches, whole_batches, val, schedule })
}

/// Whether the loaders are made anew before the next epoch.
fn is_time_to_reload(run: &RunState, driver: &dyn Driver) -> bool {
    let every = run.settings.limits.reload_every_n_epochs;
    driver.can_reload() && every.is_some_and(|every| run.progress.counters.epoch.is_multiple_of(every as u64))
}

/// Says which loader an error came from.
pub(crate) fn opened<T>(result: Result<T>, run: &RunState, stage: Stage) -> Result<T> {
    result.map_err(|error| error.at(run.progress.location(Some(stage.loader().to_owned()), false)))
}

fn configure(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan) -> Result<()> {
    summary::check_parameters(driver)?;
    let whole = &run.settings.whole.length;
    let max_epochs = whole.max_epochs.map(|epochs| epochs as u64);
    let cx = FitContext {
        max_epochs,
        max_steps: whole.max_steps,
        steps_by_epochs: max_epochs
            .zip(plan.whole_batches)
            .map(|(epochs, batches)| run.settings.optimization.steps(epochs, batches)),
        batches_per_epoch: plan.whole_batches,
        device: run.progress.device.clone(),
    };
    // A second `fit` of the same trainer goes on with the optimizers it has.
    if run.train.optimizers.is_empty() {
        let setups = driver
            .configure_optimizers(&cx)
            .map_err(|error| error.at(run.progress.location(Some("configure_optimizers".to_owned()), false)))?;
        let fused = run.settings.optimization.fused;
        let setups = setups.into_iter().map(|setup| if fused { setup } else { setup.unfused() }).collect();
        return train_step::configure(run, driver, setups);
    }
    train_step::bind(run, driver)
}

/// Why no batch follows, where the end of an epoch does not either.
fn nothing_left(run: &mut RunState) -> Option<StopReason> {
    let in_epoch = matches!(run.progress.position.phase, Phase::AfterBatch { .. } | Phase::AfterValidation { .. });
    // What a checkpoint was taken after is finished first: its validation, and the end of its epoch.
    reason_to_stop(run).filter(|reason| !in_epoch || *reason == StopReason::MaxEpochs)
}

fn reason_to_stop(run: &mut RunState) -> Option<StopReason> {
    if may_stop(run, run.progress.counters.epoch) {
        return run.progress.stop.clone();
    }
    if steps_are_done(run) {
        return Some(StopReason::MaxSteps);
    }
    let epochs = run.settings.length.max_epochs;
    epochs.is_some_and(|epochs| run.progress.counters.epoch >= epochs as u64).then_some(StopReason::MaxEpochs)
}

/// A few validation batches before training, to find a broken `validation_step` now rather than after an epoch. It
/// leaves no trace: the module is a copy, the metrics are forgotten, and random numbers depend on the step alone.
fn sanity_check(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan) -> Result<()> {
    let steps = run.settings.validation.sanity_steps;
    if plan.val.is_empty() || steps == 0 || run.progress.counters.batch_step > 0 || run.resume.resumed_from.is_some() {
        return Ok(());
    }
    driver.save_rollback()?;
    run.progress.sanity_checking = true;
    let hooks = (Hook::OnSanityCheckStart, Hook::OnSanityCheckEnd);
    let result = with_events(run, driver, hooks, |run, driver| validate(run, driver, &plan.val, Some(steps)));
    run.progress.sanity_checking = false;
    driver.rollback(CallbackStatesAfter::Current);
    let failed_warnings = std::mem::take(&mut run.console.warnings);
    run.log.metrics.reset();
    run.console.warnings = failed_warnings;
    result
}

/// One epoch, or the rest of one that a checkpoint was taken in.
fn train_epoch(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan) -> Result<()> {
    let position = run.progress.position;
    let epoch = position.epoch;
    (run.progress.counters.epoch, run.progress.last_epoch) = (epoch, epoch);
    let validates = !plan.val.is_empty() && val_schedule::is_in_epoch(&run.settings.validation, epoch);
    run.progress.batch_idx = position.batch;
    run.progress.loader_idx = 0;
    let data_epoch = if run.settings.limits.overfit.is_some() { 0 } else { epoch };
    driver.start(
        LoaderId::Train,
        EpochOffset { seed: run.progress.seed, epoch: data_epoch, batch: position.next_batch() },
    )?;
    run.console.bar.start_epoch(epoch, run.settings.length.max_epochs.map(|epochs| epochs as u64), plan.train_batches);
    let batches = with_end(run, driver, Hook::OnTrainEpochEnd, |run, driver| {
        if position.phase == Phase::EpochStart {
            begin_epoch(run, driver)?;
        }
        train_batches(run, driver, plan, validates)
    });
    driver.end(LoaderId::Train);
    let complete = batches?;
    let values = run.log.metrics.end_epoch(Stage::Fit, epoch)?;
    driver.monitors(Hook::OnTrainEpochEnd, run).inspect_err(|_| fail(run, driver))?;
    train_step::watch(run, Interval::Epoch)?;
    run.log.log_epoch(&values, &run.progress, &mut run.console)?;
    run.log.loggers.save()?;
    run.console.bar.end_epoch(run.log.metrics.bar());
    run.progress.position = match complete {
        true => LoopPosition::start_of(epoch + 1),
        // A run that goes on with more steps goes on in the epoch.
        false => LoopPosition { epoch, batch: run.progress.batch_idx + 1, phase: Phase::Batch },
    };
    checkpoints::flush(run, driver).inspect_err(|_| fail(run, driver))
}

fn begin_epoch(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    seed_generator(run, Draws::EpochStart);
    driver.hook(Hook::OnTrainEpochStart, run)?;
    run.progress.position.phase = Phase::Batch;
    Ok(())
}

/// What the device's generator is seeded for, so that a resumed run draws what it would have drawn.
#[derive(Clone, Copy)]
enum Draws {
    Batch,
    EpochStart,
    Validation,
    EpochEnd,
}

fn seed_generator(run: &RunState, draws: Draws) {
    let seed = derive_seed(run.progress.seed, Stream::Dropout, run.progress.counters.batch_step, draws as u64);
    with_generator(&run.progress.device, seed, || ());
}

/// The batches of an epoch from the place where the run is; whether the epoch came to its end.
fn train_batches(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan, validates: bool) -> Result<bool> {
    if let Phase::AfterBatch { stepped } = run.progress.position.phase {
        let last = is_last(run, driver, plan);
        run.progress.validation.follows = validates && plan.schedule.is_due(run, stepped, last);
    }
    loop {
        if run.progress.position.phase == Phase::Batch {
            seed_generator(run, Draws::Batch);
            if plan.train_batches.is_some_and(|limit| run.progress.batch_idx >= limit)
                || !driver.fetch(LoaderId::Train, run)?
            {
                break;
            }
            train_batch(run, driver, plan, validates)?;
            safe_point(run, driver, true)?;
            if std::mem::take(&mut run.progress.skip_epoch) {
                run.progress.batch_size = None;
                seed_generator(run, Draws::EpochEnd);
                return Ok(true);
            }
            check_time(run);
        }
        let last = is_last(run, driver, plan);
        let stopping = match run.progress.position.phase {
            Phase::AfterValidation { stopping } => stopping,
            _ => may_stop(run, run.progress.counters.epoch),
        };
        // A run that was asked to stop validates once more, so that it ends with current values.
        if let Phase::AfterBatch { .. } = run.progress.position.phase
            && validates
            && (run.progress.validation.follows || stopping)
        {
            seed_generator(run, Draws::Validation);
            validate(run, driver, &plan.val, None)?;
            run.progress.position.phase = Phase::AfterValidation { stopping };
            safe_point(run, driver, true)?;
        }
        train_step::watch(run, Interval::Step)?;
        if last || stopping || steps_are_done(run) {
            seed_generator(run, Draws::EpochEnd);
            return Ok(last);
        }
        run.progress.batch_idx += 1;
        run.progress.position =
            LoopPosition { epoch: run.progress.position.epoch, batch: run.progress.batch_idx, phase: Phase::Batch };
    }
    if run.progress.batch_idx == 0 {
        return Err(Error::data("the training loader gave no batch").at(run.progress.location(None, false)));
    }
    seed_generator(run, Draws::EpochEnd);
    Ok(true)
}

/// Whether the batch at hand, or just done, is the epoch's last.
fn is_last(run: &RunState, driver: &mut dyn Driver, plan: &FitPlan) -> bool {
    plan.train_batches == Some(run.progress.batch_idx + 1) || driver.is_last(LoaderId::Train)
}

fn check_time(run: &mut RunState) {
    let elapsed = run.progress.started.map(|started| started.elapsed());
    if let (Some(limit), Some(elapsed)) = (run.settings.length.max_time, elapsed)
        && elapsed >= limit
    {
        run.progress.stop.get_or_insert(StopReason::TimeLimit);
    }
}

fn steps_are_done(run: &RunState) -> bool {
    run.settings.length.max_steps.is_some_and(|steps| run.progress.counters.global_step >= steps)
}

/// Whether a stop that was asked for may happen now, after `epochs` finished epochs.
fn may_stop(run: &mut RunState, epochs: u64) -> bool {
    if run.progress.stop.is_none() {
        return false;
    }
    let length = &run.settings.length;
    let (min_epochs, min_steps) = (length.min_epochs as u64, length.min_steps);
    let met = epochs >= min_epochs && run.progress.counters.global_step >= min_steps;
    if !met && !std::mem::replace(&mut run.progress.told_minimum, true) {
        run.console.warn(format!(
            "a stop was asked for, and the minimum of {min_epochs} epochs and {min_steps} steps has not been met: going on"
        ));
    }
    met
}

/// Trains on the ready batch.
fn train_batch(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan, validates: bool) -> Result<()> {
    let last = is_last(run, driver, plan);
    run.progress.micro_batches_before = run.train.micro_batches();
    run.outputs.training = None;
    driver.hook(Hook::OnTrainBatchStart, run)?;
    if run.progress.skip_epoch {
        return train_step::close_all(run, driver);
    }
    let stepped = train_step::train(run, driver, last)?;
    run.progress.counters.batch_step += 1;
    run.progress.position.phase = Phase::AfterBatch { stepped };
    run.progress.validation.follows = validates && plan.schedule.is_due(run, stepped, last);
    driver.hook(Hook::OnTrainBatchEnd, run)?;
    run.progress.batch_size = None;
    run.log.log_step(stepped, &run.progress, &mut run.console)?;
    let RunState { console, log, progress, .. } = run;
    console.bar.train_batch(progress.batch_idx, || log.metrics.bar());
    Ok(())
}

/// Validation inside `fit`: the module is in evaluation form meanwhile.
fn validate(run: &mut RunState, driver: &mut dyn Driver, feeds: &[LoaderInfo], limit: Option<u64>) -> Result<()> {
    let (scope, batch_idx) = (run.log.scope, run.progress.batch_idx);
    if !run.progress.sanity_checking {
        driver.save_rollback()?;
    }
    driver.set_mode(Mode::Eval)?;
    run.progress.stage = Stage::Validate;
    let result = evaluate(run, driver, feeds, limit).map(|_| ());
    run.progress.stage = Stage::Fit;
    (run.log.scope, run.progress.batch_idx, run.progress.loader_idx) = (scope, batch_idx, 0);
    if run.progress.sanity_checking {
        let mode = driver.set_mode(Mode::Train);
        return result.and(mode);
    }
    if let Err(error) = &result
        && error.kind() == ErrorKind::Interrupted
    {
        // A validation that is cut short has not been: the checkpoint is of what was before it.
        driver.rollback(CallbackStatesAfter::Saved);
        checkpoints::save_interrupted(run, driver)?;
        return result;
    }
    driver.discard_rollback();
    let mode = driver.set_mode(Mode::Train);
    run.progress.validation.ended = Some(Instant::now());
    result.and(mode)
}

/// Validates, tests or predicts: every batch of every loader.
pub(crate) fn evaluate(
    run: &mut RunState,
    driver: &mut dyn Driver,
    feeds: &[LoaderInfo],
    limit: Option<u64>,
) -> Result<u64> {
    let stage = run.progress.stage;
    let hooks = EvalHooks::of(stage);
    let suffixes = suffixes(feeds);
    // What epoch hooks log belongs to no loader.
    let own_scope = run.log.metrics.open(stage, feeds.len(), "");
    let mut scopes = Vec::with_capacity(feeds.len());
    for (index, suffix) in suffixes.iter().enumerate() {
        scopes.push(run.log.metrics.open(stage, index, suffix));
    }
    run.log.scope = own_scope;
    run.outputs.evaluation.clear();
    with_events(run, driver, (hooks.start, hooks.end), |run, driver| {
        let batches = with_events(run, driver, (hooks.epoch_start, hooks.epoch_end), |run, driver| {
            let mut batches = 0;
            for (index, (info, scope)) in feeds.iter().zip(&scopes).enumerate() {
                run.log.scope = *scope;
                run.progress.loader_idx = index;
                batches += evaluate_loader(run, driver, info, index, limit, &hooks)?;
            }
            run.log.scope = own_scope;
            Ok(batches)
        })?;
        run.log.scope = ScopeId::CLOSED;
        if !run.progress.sanity_checking {
            run.progress.counters.validation_runs += u64::from(stage == Stage::Validate);
            let values = run.log.metrics.end_epoch(stage, run.progress.counters.epoch)?;
            run.log.log_epoch(&values, &run.progress, &mut run.console)?;
        }
        Ok(batches)
    })
}

/// How much of each loader an evaluation uses, and the setting that says so.
pub(crate) fn evaluation_limit(run: &RunState) -> (Limit, &'static str) {
    let limits = &run.settings.limits;
    match run.progress.stage {
        Stage::Fit | Stage::Validate => (limits.val, "limit_val_batches"),
        Stage::Test => (limits.test, "limit_test_batches"),
        Stage::Predict => (limits.predict, "limit_predict_batches"),
    }
}

fn suffixes(feeds: &[LoaderInfo]) -> Vec<String> {
    let several = feeds.len() > 1;
    feeds
        .iter()
        .enumerate()
        .map(|(index, feed)| match &feed.name {
            _ if !several => String::new(),
            Some(name) => format!("/{name}"),
            None => format!("/dataloader_idx_{index}"),
        })
        .collect()
}

fn evaluate_loader(
    run: &mut RunState,
    driver: &mut dyn Driver,
    info: &LoaderInfo,
    index: usize,
    limit: Option<u64>,
    hooks: &EvalHooks,
) -> Result<u64> {
    let feed = LoaderId::Eval(index);
    let (setting, name) = evaluation_limit(run);
    let batches = setting.of(info.len, name)?;
    let batches = match (batches, limit) {
        (Some(batches), Some(limit)) => Some(batches.min(limit)),
        (batches, limit) => batches.or(limit),
    };
    run.progress.batch_idx = 0;
    driver.start(feed, EpochOffset { seed: run.progress.seed, epoch: 0, batch: 0 })?;
    // The sanity check leaves no trace, on the screen neither.
    let shown = !run.progress.sanity_checking;
    if shown {
        run.console.bar.start_evaluation(run.progress.stage, batches);
    }
    while batches.is_none_or(|limit| run.progress.batch_idx < limit) && driver.fetch(feed, run)? {
        driver.hook(hooks.batch_start, run)?;
        driver.step(feed, StepCall::default(), run)?;
        driver.hook(hooks.batch_end, run)?;
        run.progress.batch_size = None;
        run.log.log_evaluated_batch(&run.progress)?;
        if shown {
            run.console.bar.eval_batch(run.progress.batch_idx);
        }
        check_signals(run, true)?;
        run.progress.batch_idx += 1;
    }
    if shown {
        run.console.bar.end_evaluation();
    }
    driver.end(feed);
    Ok(run.progress.batch_idx)
}
