//! Advances the learning-rate schedules.

use crate::{
    engine::{ranks, run::RunState},
    error::Result,
    optim::{Interval, Optimizer, Schedule},
};

/// Counts an optimizer step for a schedule with the interval `Step`. A schedule that monitors a
/// metric advances in [`watch`], after the validation of the batch.
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

/// Counts an epoch for the schedules with the interval `Epoch`, as PyTorch Lightning does: at its
/// last batch, before the validation. A schedule that monitors a metric advances in [`watch`].
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
            optimizer
                .with_schedule(|schedule| schedule.advance(None))
                .map_err(|error| error.at(run.progress.location(None, true)))?;
        }
    }
    Ok(())
}

/// Advances the schedules of an interval that monitor a metric and are due.
///
/// # Errors
/// If a monitored metric has no value.
pub(crate) fn watch(run: &mut RunState, interval: Interval) -> Result<()> {
    let due = |optimizer: &Optimizer| {
        optimizer.watch_due && optimizer.schedule().is_some_and(|schedule| schedule.interval() == interval)
    };
    if !run.train.optimizers.iter().any(due) {
        return Ok(());
    }
    let metrics = ranks::metrics_of_first(run)?;
    let validations = run.progress.counters.validation_runs;
    let first_is_ahead = run.progress.validation.first_is_ahead(validations);
    let may_skip = run.settings.validation.skips_epochs();
    let mut warnings = Vec::new();
    // Taken out of the run, so that the loop can read the rest of it.
    let mut optimizers = std::mem::take(&mut run.train.optimizers);
    let mut result = Ok(());
    for optimizer in optimizers.iter_mut().filter(|optimizer| due(optimizer)) {
        optimizer.watch_due = false;
        let name = optimizer.schedule().and_then(|schedule| schedule.monitored());
        // A metric of validation is new only after another validation.
        let validation = name.filter(|name| run.info.is_validation_only(name)).map(|_| validations);
        let may_wait = first_is_ahead && (validation.is_some() || may_skip);
        match optimizer.with_schedule(|schedule| schedule.advance_by(&metrics, validation, may_wait)) {
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
