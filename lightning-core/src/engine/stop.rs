//! Decides when a run ends.

use std::time::Duration;

use crate::{
    engine::{ranks, run::RunState},
    error::{Error, Result},
    module::TrainingMode,
    progress::{Counters, Phase, StopReason},
};

/// Returns why the run ends, if neither a batch nor the end of an epoch is left to do.
pub(super) fn nothing_left(run: &mut RunState) -> Option<StopReason> {
    let in_epoch = matches!(run.progress.position.phase, Phase::AfterBatch { .. } | Phase::AfterValidation { .. });
    // Resumed after a batch, the run first finishes what follows it: the validation and, if it was
    // the last batch, the end of the epoch. Not if the resumed program's `max_epochs` excludes it.
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

/// Requests a stop if `max_time` is zero, before anything is trained.
pub(super) fn check_no_time(run: &mut RunState) {
    if run.settings.length.max_time == Some(Duration::ZERO) {
        run.progress.stop.get_or_insert(StopReason::TimeLimit);
    }
}

/// Requests a stop if `max_time` is over.
pub(super) fn check_time(run: &mut RunState) {
    let elapsed = run.progress.started.map(|started| started.elapsed());
    if let (Some(limit), Some(elapsed)) = (run.settings.length.max_time, elapsed)
        && elapsed >= limit
    {
        run.progress.stop.get_or_insert(StopReason::TimeLimit);
    }
}

pub(super) fn steps_are_done(run: &RunState) -> bool {
    run.settings.length.max_steps.is_some_and(|steps| run.progress.counters.global_step >= steps)
}

/// Whether a requested stop may happen now, after `epochs` finished epochs.
pub(super) fn may_stop(run: &mut RunState, epochs: u64) -> bool {
    // One of several processes may have requested it, and the others do not know yet.
    if run.progress.stop.is_none() || !ranks::may_decide(run) {
        return false;
    }
    let length = &run.settings.length;
    let (min_epochs, min_steps) = (length.min_epochs as u64, length.min_steps);
    let met = epochs >= min_epochs && run.progress.counters.global_step >= min_steps;
    if !met && !std::mem::replace(&mut run.progress.told_minimum, true) {
        run.console.warn(format!(
            "a stop was requested before `min_epochs({min_epochs})` and `min_steps({min_steps})` are reached: training \
             continues"
        ));
    }
    met
}

/// The number of batches without a loss and without an optimizer step that is worth a warning.
const MANY_SKIPPED: u64 = 50;

/// Counts a training step that returned `None`, and warns of many in a row.
pub(super) fn count_skipped(run: &mut RunState) {
    run.progress.counters.skipped_batches += 1;
    run.progress.skipped_in_row += 1;
    if run.progress.skipped_in_row == MANY_SKIPPED {
        let Counters { epoch, .. } = run.progress.counters;
        run.console.warn(format!(
            "`training_step` must return a loss to train, found `None` for {MANY_SKIPPED} batches in a row, until batch {} of \
             epoch {epoch}; return `Some(loss)`, or check the condition under which it skips a batch",
            run.progress.batch_idx
        ));
    }
}

/// Checks at the end of an epoch that an optimizer has stepped in it. `steps` and `batches` are the
/// numbers of optimizer steps and batches at its start.
///
/// # Errors
/// If none has, and only `max_steps` would end the run.
pub(super) fn check_progress(run: &mut RunState, steps: u64, batches: u64) -> Result<()> {
    let Counters { epoch, global_step, batch_step, .. } = run.progress.counters;
    let is_idle = global_step == steps && batch_step > batches && run.progress.stop.is_none();
    // A loss scaler skips steps until it has found its scale, and ends the run if there is none.
    if !is_idle || !run.train.scalers.is_empty() {
        return Ok(());
    }
    let what = format!("no optimizer stepped in the {} batches of epoch {epoch}", batch_step - batches);
    let help = match run.info.training {
        TrainingMode::Manual => "call `optimizers.step(…)` in `training_step`",
        TrainingMode::Plain | TrainingMode::Bound(_) => {
            "return a loss from `training_step`, found `None` for each batch"
        }
    };
    let length = &run.settings.length;
    if let (Some(max_steps), None, None) = (length.max_steps, length.max_epochs, length.max_time) {
        return Err(Error::data(format!("{what}, and only `max_steps({max_steps})` ends the run"))
            .help(format!("{help}; set `max_epochs(…)` as well to end a run without steps"))
            .at(run.progress.location(Some("training_step".to_owned()), false)));
    }
    if !std::mem::replace(&mut run.progress.told_idle, true) {
        run.console.warn(format!("{what}; {help}"));
    }
    Ok(())
}
