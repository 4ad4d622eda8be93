//! What the processes that train together exchange in a run. Alone, each function returns at once.

mod decisions;
mod same;
mod shards;
mod values;
mod weights;

use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::{
    decisions::{agree, agree_on_signals, count_samples, is_last_of_all, round, saves, total},
    same::{check_lengths, check_program, share_log_dir},
    shards::{Updated, collect_states, divide_states, drop_states_of_others, share_updates},
    values::{begin_backward, gather_metrics, mean_values, merge_metrics, metrics_of_first, reduce},
    weights::{average_statistics, share_weights},
};
use super::run::RunState;
use crate::{
    error::{Error, Result},
    strategy::{Point, Sums},
};

/// The current point of the run.
pub(crate) fn point(run: &RunState, what: &'static str) -> Point {
    let part = run.progress.counters.global_step ^ (run.progress.loader_idx as u64) << 48;
    Point { part, ..Point::new(what, run.progress.counters.epoch, run.progress.batch_idx) }
}

/// Whether processes may decide on something now. Between the updates of an accumulation they
/// exchange nothing.
pub(crate) fn may_decide(run: &RunState) -> bool {
    run.strategy.rank().is_alone() || run.train.accumulators.iter().all(|buffer| buffer.rounds() == 0)
}

/// Returns the sum of a number over all processes.
fn sum(run: &mut RunState, what: &'static str, own: u64) -> Result<u64> {
    let mut sums = Sums::default();
    sums[0] = own as f64;
    let at = point(run, what);
    Ok(run.strategy.sums(at, sums)?[0] as u64)
}

pub(crate) fn to_bytes(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::msg(format!("a message for other ranks cannot be written: {error}")))
}

pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::msg(format!("a message of another rank cannot be read: {error}")))
}
