//! Decides when a run ends.

use crate::{
    engine::run::RunState,
    progress::{Phase, StopReason},
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
    if run.progress.stop.is_none() {
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
