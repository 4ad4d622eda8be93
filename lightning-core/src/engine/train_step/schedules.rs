//! When learning-rate schedules advance.

use crate::{
    engine::run::RunState,
    error::Result,
    optim::{Interval, Optimizer, Schedule},
};

/// Counts a step for the schedule. One that watches a metric goes on after the batch's validation.
pub(super) fn step_schedule(optimizer: &mut Optimizer) -> Result<()> {
    let Some(schedule) = optimizer.schedule_mut().filter(|schedule| schedule.interval() == Interval::Step) else {
        return Ok(());
    };
    if !schedule.is_due() {
        return Ok(());
    }
    if schedule.watches() {
        optimizer.watch_due = true;
        return Ok(());
    }
    optimizer.with_schedule(|schedule| schedule.advance(None)).map(|_| ())
}

/// Counts an epoch for the schedules that do not watch a metric, as PyTorch Lightning does: at its last batch, before the
/// validation.
pub(super) fn end_of_epoch_schedules(run: &mut RunState) -> Result<()> {
    for optimizer in &mut run.train.optimizers {
        let counts = |schedule: &&mut Schedule| schedule.interval() == Interval::Epoch;
        let Some(schedule) = optimizer.schedule_mut().filter(counts) else { continue };
        if !schedule.is_due() {
            continue;
        }
        if schedule.watches() {
            optimizer.watch_due = true;
        } else {
            optimizer.with_schedule(|schedule| schedule.advance(None))?;
        }
    }
    Ok(())
}

/// Lets the schedules of an interval that watch a metric, and are due, go on.
///
/// # Errors
/// When a watched metric has no value.
pub(crate) fn watch(run: &mut RunState, interval: Interval) -> Result<()> {
    let due = |optimizer: &Optimizer| {
        optimizer.watch_due && optimizer.schedule().is_some_and(|schedule| schedule.interval() == interval)
    };
    if !run.train.optimizers.iter().any(due) {
        return Ok(());
    }
    let metrics = run.log.metrics.metrics()?.clone();
    let validations = run.progress.counters.validation_runs;
    let mut warnings = Vec::new();
    let mut optimizers = std::mem::take(&mut run.train.optimizers);
    let mut result = Ok(());
    for optimizer in optimizers.iter_mut().filter(|optimizer| due(optimizer)) {
        optimizer.watch_due = false;
        let name = optimizer.schedule().and_then(|schedule| schedule.monitored());
        let validation = name.filter(|name| run.info.is_validation_only(name)).map(|_| validations);
        match optimizer.with_schedule(|schedule| schedule.advance_by(&metrics, validation)) {
            Ok(warning) => warnings.extend(warning.flatten()),
            Err(error) => result = result.and(Err(error)),
        }
    }
    run.train.optimizers = optimizers;
    for warning in warnings {
        if !run.console.warnings.contains(&warning) {
            run.console.warn(warning);
        }
    }
    result.map_err(|error| error.at(run.progress.location(None, interval == Interval::Step)))
}
