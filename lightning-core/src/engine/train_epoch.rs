//! Runs one epoch of training.

use std::time::{Duration, Instant};

use crate::{
    data::{EpochOffset, stalls},
    engine::{
        audit, checkpoints,
        driver::{Driver, LoaderId},
        events::{fail, safe_point, with_end},
        first_batch,
        fit_plan::FitPlan,
        guard, ranks, report,
        run::RunState,
        stop::{check_progress, check_time, may_stop, steps_are_done},
        train_step, val_schedule,
        validate::validate,
    },
    error::{Error, ErrorKind, Result},
    hooks::Hook,
    optim::Interval,
    os::panics::drop_caught,
    progress::{LoopPosition, Phase},
    random::{Stream, derive_seed, with_generator},
    stage::Stage,
    trace::{At, Kind, Span},
};

/// Runs one epoch, or the rest of an epoch in which the run was resumed.
pub(super) fn train_epoch(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan) -> Result<()> {
    let position = run.progress.position;
    let epoch = position.epoch;
    let _span = Span::at(Kind::Loop, "epoch", At::Epoch(epoch));
    (run.progress.counters.epoch, run.progress.last_epoch) = (epoch, epoch);
    let validates = !plan.val.is_empty() && val_schedule::is_in_epoch(&run.settings.validation, epoch);
    run.progress.batch_idx = position.batch;
    run.progress.loader_idx = 0;
    // The same batches in every epoch with `overfit_batches`.
    let data_epoch = if run.settings.limits.overfit.is_some() { 0 } else { epoch };
    driver.start(
        LoaderId::Train,
        EpochOffset { seed: run.progress.seed, epoch: data_epoch, batch: position.next_batch() },
    )?;
    report::start_epoch(run);
    run.console.bar.start_epoch(epoch, run.settings.length.max_epochs.map(|epochs| epochs as u64), plan.train_batches);
    let batches = with_end(run, driver, Hook::OnTrainEpochEnd, |run, driver| {
        if position.phase == Phase::EpochStart {
            begin_epoch(run, driver)?;
        }
        let (steps, batches) = (run.progress.counters.global_step, run.progress.counters.batch_step);
        stalls::take();
        let since = Instant::now();
        let ended = train_batches(run, driver, plan, validates)?;
        if epoch == 0 {
            hint_at_stalls(run, stalls::take(), since.elapsed());
        }
        if position.phase == Phase::EpochStart {
            check_progress(run, steps, batches)?;
        }
        run.check_losses()?;
        ranks::merge_metrics(run, Stage::Fit)?;
        run.log.metrics.begin_epoch_end(Stage::Fit)?;
        Ok(ended)
    });
    driver.end(LoaderId::Train);
    let ended = batches?;
    if run.progress.roll_back.is_some() {
        return Ok(());
    }
    let located = |run: &RunState, error: Error| error.at(run.progress.location(None, false));
    // What the hooks at the end of the epoch have logged.
    ranks::merge_metrics(run, Stage::Fit).inspect_err(|error| fail(run, driver, error))?;
    let mut values = run.log.metrics.end_epoch(Stage::Fit, epoch).map_err(|error| located(run, error))?;
    // The metrics are empty now, and hold what these callbacks log.
    run.log.metrics.begin_epoch_end(Stage::Fit)?;
    driver.monitors(Hook::OnTrainEpochEnd, run).inspect_err(|error| fail(run, driver, error))?;
    ranks::merge_metrics(run, Stage::Fit)?;
    let more = run.log.metrics.end_epoch(Stage::Fit, epoch).map_err(|error| located(run, error))?;
    values.retain(|value| !more.iter().any(|other| other.name == value.name));
    values.extend(more);
    train_step::watch(run, Interval::Epoch)?;
    report::end_epoch(run);
    // The checkpoint of the epoch does not depend on the log.
    let logged = run
        .log
        .log_epoch(&values, &run.progress, &mut run.console)
        .and_then(|()| run.log.loggers.save().map_err(|error| error.at(run.progress.location(None, false))));
    run.console.bar.end_epoch(run.log.metrics.bar());
    run.progress.position = match ended {
        Ended::Complete => LoopPosition::start_of(epoch + 1),
        // A later run with more steps continues within this epoch.
        Ended::AfterBatch => LoopPosition { epoch, batch: run.progress.batch_idx + 1, phase: Phase::Batch },
        Ended::BeforeBatch => LoopPosition { epoch, batch: run.progress.batch_idx, phase: Phase::Batch },
    };
    // The gradients in the buffers are of finished batches, which a resumed run does not repeat.
    run.progress.micro_batches_before = run.train.micro_batches();
    let flushed = checkpoints::flush(run, driver);
    logged.and(flushed).inspect_err(|error| fail(run, driver, error))
}

/// The share of an epoch spent waiting for data workers that is worth a warning.
const MANY_STALLS: f64 = 0.2;

/// The shortest epoch whose share says something.
const LONG_ENOUGH: Duration = Duration::from_secs(5);

/// Warns if much of an epoch was spent waiting for data workers.
fn hint_at_stalls(run: &mut RunState, stalled: Duration, whole: Duration) {
    let share = stalled.as_secs_f64() / whole.as_secs_f64();
    if whole >= LONG_ENOUGH && share > MANY_STALLS {
        run.console.warn(format!(
            "epoch 0 waited for data for {:.0} % of its time: write a larger `num_workers`, or make the dataset or \
             `collate` faster",
            100.0 * share
        ));
    }
}

/// Runs the start hook of an epoch.
fn begin_epoch(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    seed_generator(run, Draws::EpochStart);
    driver.hook(Hook::OnTrainEpochStart, run)?;
    run.progress.position.phase = Phase::Batch;
    ranks::agree(run)
}

/// What the device's generator is seeded for. Seeded at each of these, so that a resumed run draws
/// the numbers of an uninterrupted one.
#[derive(Clone, Copy)]
enum Draws {
    Batch,
    EpochStart,
    Validation,
    EpochEnd,
}

/// Seeds the device's generator from the run's seed and the number of the batch.
fn seed_generator(run: &RunState, draws: Draws) {
    let micro_batch = run.micro_batch();
    let seed = derive_seed(run.progress.seed, Stream::Dropout, micro_batch, draws as u64);
    with_generator(&run.progress.device, seed, || ());
}

/// Seeds the device's generator for the next batch.
pub(super) fn seed_for_batch(run: &RunState) {
    seed_generator(run, Draws::Batch);
}

/// How the batches of an epoch ended.
#[derive(Clone, Copy)]
enum Ended {
    /// No batch is left.
    Complete,
    /// The run stops after the current batch.
    AfterBatch,
    /// The run stops before the current batch, because a start hook requested it.
    BeforeBatch,
}

impl Ended {
    /// After the current batch, the `last` one of the epoch or not.
    const fn after(last: bool) -> Self {
        if last { Self::Complete } else { Self::AfterBatch }
    }
}

/// Runs the batches of an epoch from the current position.
fn train_batches(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan, validates: bool) -> Result<Ended> {
    // Requested by `on_train_epoch_start`.
    if run.progress.position.phase == Phase::Batch && may_stop(run, run.progress.counters.epoch) {
        seed_generator(run, Draws::EpochEnd);
        return Ok(Ended::BeforeBatch);
    }
    // Resumed after a batch: whether a validation follows it is not stored.
    if let Phase::AfterBatch { stepped } = run.progress.position.phase {
        let last = is_last(run, driver, plan)?;
        run.progress.validation.follows = validates && plan.schedule.is_due(run, stepped, last);
    }
    loop {
        if run.progress.position.phase == Phase::Batch {
            seed_generator(run, Draws::Batch);
            if plan.train_batches.is_some_and(|limit| run.progress.batch_idx >= limit) || !fetch(run, driver, plan)? {
                break;
            }
            train_batch(run, driver, plan, validates)?;
            if run.progress.roll_back.is_some() {
                return Ok(Ended::AfterBatch);
            }
            check_time(run);
            safe_point(run, driver, true)?;
            if ranks::may_decide(run) && std::mem::take(&mut run.progress.skip_epoch) {
                run.progress.batch_size = None;
                seed_generator(run, Draws::EpochEnd);
                return Ok(Ended::Complete);
            }
        }
        let last = is_last(run, driver, plan)?;
        let mut stopping = match run.progress.position.phase {
            Phase::AfterValidation { stopping } => stopping,
            _ => may_stop(run, run.progress.counters.epoch),
        };
        // A run that stops validates once more, so that its last metrics are those of its weights.
        if let Phase::AfterBatch { .. } = run.progress.position.phase
            && validates
            && (run.progress.validation.follows || stopping)
        {
            seed_generator(run, Draws::Validation);
            validate(run, driver, &plan.val, None)?;
            run.progress.position.phase = Phase::AfterValidation { stopping };
            safe_point(run, driver, true)?;
        }
        // Also requested by the validation, such as by early stopping. Not part of the position: a
        // resumed run requests it again.
        stopping |= may_stop(run, run.progress.counters.epoch);
        train_step::watch(run, Interval::Step)?;
        if last || stopping || steps_are_done(run) {
            seed_generator(run, Draws::EpochEnd);
            return Ok(Ended::after(last));
        }
        run.progress.batch_idx += 1;
        run.progress.position =
            LoopPosition { epoch: run.progress.position.epoch, batch: run.progress.batch_idx, phase: Phase::Batch };
    }
    if run.progress.batch_idx == 0 {
        return Err(Error::data("the training loader must return at least one batch, found none")
            .at(run.progress.location(None, false)));
    }
    seed_generator(run, Draws::EpochEnd);
    Ok(Ended::Complete)
}

/// Makes the next batch ready. Returns `false` at the end of the data. Of several processes, one
/// may have no batch in the last round.
fn fetch(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan) -> Result<bool> {
    // Tells a failed batch that has already added to the buffers from one that has not.
    run.progress.micro_batches_before = run.train.micro_batches();
    let fetched = driver.fetch(LoaderId::Train, run);
    let fetched = save_if_interrupted(fetched, run, driver)?;
    ranks::round(run, plan.loader_batches, plan.all_batches, fetched)
}

/// Whether the current batch is the last of the epoch.
fn is_last(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan) -> Result<bool> {
    if plan.train_batches == Some(run.progress.batch_idx + 1) {
        return Ok(true);
    }
    if let (false, Some(rounds)) = (run.strategy.rank().is_alone(), plan.loader_batches) {
        return Ok(run.progress.batch_idx + 1 >= rounds);
    }
    if plan.loader_batches.is_none() {
        // Only reading tells. A run that is resumed after a batch has not opened the loader.
        driver.open(LoaderId::Train, run)?;
    }
    let last = if run.progress.absent { Ok(true) } else { driver.is_last(LoaderId::Train) };
    let last = save_if_interrupted(last, run, driver)?;
    if run.strategy.rank().is_alone() { Ok(last) } else { ranks::is_last_of_all(run, last) }
}

/// Saves the checkpoint of an interrupted run if a signal came while the loader was read: a run can
/// resume before a batch as well as after one.
fn save_if_interrupted<T>(read: Result<T>, run: &mut RunState, driver: &mut dyn Driver) -> Result<T> {
    if let Err(error) = &read
        && error.kind() == ErrorKind::Interrupted
    {
        checkpoints::save_interrupted(run, driver)?;
    }
    read
}

/// Trains on the ready batch, with its hooks, counters and log. A step that goes wrong is saved.
fn train_batch(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan, validates: bool) -> Result<()> {
    let _span =
        run.console.records_spans().then(|| Span::at(Kind::Loop, "train_batch", At::Batch(run.progress.batch_idx)));
    let last = is_last(run, driver, plan)?;
    if let Some(output) = run.outputs.training.take() {
        drop_caught("the output of the last training step", output)
            .map_err(|error| error.at(run.progress.location(None, true)))?;
    }
    if run.progress.leaves_out() {
        return leave_out(run, driver, plan, validates, last);
    }
    if run.progress.absent {
        return take_part(run, driver, plan, validates, last);
    }
    guard::begin(run, driver, last)?;
    first_batch::show(run, driver)?;
    audit::begin(run, driver);
    let trained = train_ready(run, driver, plan, validates, last);
    audit::end(run);
    guard::end(run, driver, trained.as_ref().err());
    trained
}

/// Counts the batches of a round, one for a process alone, and decides whether a validation follows.
fn count_round(run: &mut RunState, plan: &FitPlan, validates: bool, stepped: bool, last: bool) {
    run.progress.counters.batch_step += run.progress.round;
    run.progress.position.phase = Phase::AfterBatch { stepped };
    run.progress.validation.follows = validates && plan.schedule.is_due(run, stepped, last);
}

/// Passes over the ready batch, which the run leaves out. It is counted, so that the random numbers
/// and indices of the later batches are the same; no hook runs.
fn leave_out(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan, validates: bool, last: bool) -> Result<()> {
    let stepped = train_step::leave_out(run, driver, last)?;
    count_round(run, plan, validates, stepped, last);
    run.progress.batch_size = None;
    Ok(())
}

/// Takes part in a round in which only other processes have a batch: the optimizers step as theirs
/// do. No hook of the batch runs.
fn take_part(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan, validates: bool, last: bool) -> Result<()> {
    run.progress.absent = true;
    let stepped = train_step::train(run, driver, last)?;
    count_round(run, plan, validates, stepped, last);
    run.progress.batch_size = None;
    log_step(run, stepped, last)
}

/// Sends the step values to the loggers where they are due.
fn log_step(run: &mut RunState, stepped: bool, last: bool) -> Result<()> {
    let closes = last || steps_are_done(run);
    let at = ranks::point(run, "step values");
    let RunState { log, progress, console, strategy, .. } = run;
    log.log_step(stepped, closes, progress, console, &mut |values| ranks::mean_values(&mut **strategy, at, values))
}

fn train_ready(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan, validates: bool, last: bool) -> Result<()> {
    driver.hook(Hook::OnTrainBatchStart, run)?;
    if run.progress.skip_epoch {
        if run.strategy.rank().is_alone() {
            return train_step::update_all(run, driver);
        }
        // The others have a batch in this round, after which all end the epoch.
        return take_part(run, driver, plan, validates, last);
    }
    let stepped = train_step::train(run, driver, last)?;
    count_round(run, plan, validates, stepped, last);
    driver.hook(Hook::OnTrainBatchEnd, run)?;
    run.progress.batch_size = None;
    log_step(run, stepped, last)?;
    report::step(run, stepped);
    let RunState { console, log, progress, .. } = run;
    console.bar.train_batch(progress.batch_idx, || log.metrics.bar());
    Ok(())
}
