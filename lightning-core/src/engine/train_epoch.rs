//! Runs one epoch of training.

use crate::{
    data::EpochOffset,
    engine::{
        checkpoints,
        driver::{Driver, LoaderId},
        events::{fail, safe_point, with_end},
        fit_plan::FitPlan,
        run::RunState,
        stop::{check_time, may_stop, steps_are_done},
        train_step, val_schedule,
        validate::validate,
    },
    error::{Error, Result},
    hooks::Hook,
    optim::Interval,
    progress::{LoopPosition, Phase},
    random::{Stream, derive_seed, with_generator},
    stage::Stage,
};

/// Runs one epoch, or the rest of an epoch in which the run was resumed.
pub(super) fn train_epoch(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan) -> Result<()> {
    let position = run.progress.position;
    let epoch = position.epoch;
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
        // A later run with more steps continues within this epoch.
        false => LoopPosition { epoch, batch: run.progress.batch_idx + 1, phase: Phase::Batch },
    };
    checkpoints::flush(run, driver).inspect_err(|_| fail(run, driver))
}

/// Runs the start hook of an epoch.
fn begin_epoch(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    seed_generator(run, Draws::EpochStart);
    driver.hook(Hook::OnTrainEpochStart, run)?;
    run.progress.position.phase = Phase::Batch;
    Ok(())
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
    let micro_batch = run.strategy.micro_batch(run.progress.counters.batch_step);
    let seed = derive_seed(run.progress.seed, Stream::Dropout, micro_batch, draws as u64);
    with_generator(&run.progress.device, seed, || ());
}

/// Runs the batches of an epoch from the current position, and returns whether the epoch is
/// complete.
fn train_batches(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan, validates: bool) -> Result<bool> {
    // Resumed after a batch: whether a validation follows it is not stored.
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
            run.progress.stop = run.strategy.agree(run.progress.stop.take())?;
        }
        let last = is_last(run, driver, plan);
        let stopping = match run.progress.position.phase {
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
        return Err(Error::data("the training loader must return at least one batch, found none")
            .at(run.progress.location(None, false)));
    }
    seed_generator(run, Draws::EpochEnd);
    Ok(true)
}

/// Whether the current batch is the last of the epoch.
fn is_last(run: &RunState, driver: &mut dyn Driver, plan: &FitPlan) -> bool {
    plan.train_batches == Some(run.progress.batch_idx + 1) || driver.is_last(LoaderId::Train)
}

/// Trains on the ready batch, with its hooks, counters and log.
fn train_batch(run: &mut RunState, driver: &mut dyn Driver, plan: &FitPlan, validates: bool) -> Result<()> {
    let last = is_last(run, driver, plan);
    // Tells a failed batch that has already added to the buffers from one that has not.
    run.progress.micro_batches_before = run.train.micro_batches();
    run.outputs.training = None;
    driver.hook(Hook::OnTrainBatchStart, run)?;
    if run.progress.skip_epoch {
        return train_step::update_all(run, driver);
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
