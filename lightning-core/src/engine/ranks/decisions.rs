//! What processes decide on together: stops, signals, rounds of batches and checkpoints.

use super::{from_bytes, may_decide, point, sum, to_bytes};
use crate::{engine::run::RunState, error::Result, os::signals, progress::StopReason, strategy::Sums};

const STOP: usize = 0;
const INTERRUPTED: usize = 1;
const SAVE: usize = 2;
const SKIP_EPOCH: usize = 3;
const VALIDATION: usize = 4;

/// Agrees with the other processes on stops, signals and the next validation. What one requests,
/// all do; whether a validation is due decides the first.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn agree(run: &mut RunState) -> Result<()> {
    let rank = run.strategy.rank();
    if rank.is_alone() || !may_decide(run) {
        return Ok(());
    }
    let flag = |on: bool| f64::from(u8::from(on));
    let mut own = Sums::default();
    own[STOP] = flag(run.progress.stop.is_some());
    own[INTERRUPTED] = flag(signals::received());
    own[SAVE] = flag(signals::take_received_save());
    own[SKIP_EPOCH] = flag(run.progress.skip_epoch);
    own[VALIDATION] = flag(run.progress.validation.follows && rank.is_global_zero());
    let sums = run.strategy.sums(point(run, "agreement"), own)?;
    if sums[STOP] > 0.0 {
        run.progress.stop = first_stop(run)?;
    }
    if sums[INTERRUPTED] > 0.0 {
        signals::agree_to_end();
    }
    if sums[SAVE] > 0.0 {
        signals::agree_to_save();
    }
    run.progress.skip_epoch = sums[SKIP_EPOCH] > 0.0;
    run.progress.validation.follows = sums[VALIDATION] > 0.0;
    Ok(())
}

/// Agrees with the other processes on a signal that ends the run, in the middle of an evaluation.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn agree_on_signals(run: &mut RunState) -> Result<()> {
    if run.strategy.rank().is_alone() || !may_decide(run) {
        return Ok(());
    }
    if sum(run, "signals", u64::from(signals::received()))? > 0 {
        signals::agree_to_end();
    }
    Ok(())
}

/// The reason to stop of the first process that has one.
fn first_stop(run: &mut RunState) -> Result<Option<StopReason>> {
    let own = to_bytes(&run.progress.stop)?;
    let all = run.strategy.gather(point(run, "reason to stop"), own)?;
    for bytes in all {
        if let Some(reason) = from_bytes::<Option<StopReason>>(&bytes)? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

/// Whether some process has a batch in this round of training or evaluation, of `rounds` where the
/// loader knows its length; `own`: this one has.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn round(run: &mut RunState, rounds: Option<u64>, batches: Option<u64>, own: bool) -> Result<bool> {
    let rank = run.strategy.rank();
    if rank.is_alone() {
        return Ok(own);
    }
    let (Some(rounds), Some(batches)) = (rounds, batches) else { return has_batch(run, own) };
    let world = rank.world_size as u64;
    run.progress.round = batches.saturating_sub(run.progress.batch_idx * world).min(world);
    run.progress.absent = !own;
    Ok(run.progress.batch_idx < rounds)
}

/// Whether some process has a batch in this round, and sets how many have one.
fn has_batch(run: &mut RunState, own: bool) -> Result<bool> {
    run.progress.round = sum(run, "batch", u64::from(own))?;
    run.progress.absent = !own;
    Ok(run.progress.round > 0)
}

/// Whether this is the last round of every process; `own`: of this one.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn is_last_of_all(run: &mut RunState, own: bool) -> Result<bool> {
    Ok(sum(run, "end of the data", u64::from(!own))? == 0)
}

/// Returns the number of batches of all processes.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn total(run: &mut RunState, own: u64) -> Result<u64> {
    if run.strategy.rank().is_alone() { Ok(own) } else { sum(run, "number of batches", own) }
}

/// Sets the place of the first sample of the batch among those of all processes, of which `before`
/// were in earlier rounds. Returns how many are in rounds until now.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn count_samples(run: &mut RunState, before: u64) -> Result<u64> {
    let rank = run.strategy.rank();
    if rank.is_alone() {
        return Ok(0);
    }
    let own = run.progress.batch_size.unwrap_or(0) as u64;
    let all = run.strategy.gather(point(run, "samples"), own.to_le_bytes().to_vec())?;
    let counts: Vec<u64> =
        all.iter().map(|bytes| bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))).collect();
    run.progress.first_sample = Some(before + counts.iter().take(rank.global).sum::<u64>());
    Ok(before + counts.iter().sum::<u64>())
}

/// Whether the process with rank 0 has requests for checkpoints.
///
/// # Errors
/// If a process has failed or was lost.
pub(crate) fn saves(run: &mut RunState) -> Result<bool> {
    let own = !run.checkpoints.queue.requests.is_empty();
    let rank = run.strategy.rank();
    if rank.is_alone() {
        return Ok(own);
    }
    Ok(sum(run, "checkpoint", u64::from(own && rank.is_global_zero()))? > 0)
}
