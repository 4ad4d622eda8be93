//! The states of schedules in checkpoints.

use serde_json::{Value, json};

use crate::{
    error::{Error, ErrorKind, Result},
    params::state::f64_from_json,
};

/// The state of a schedule that is a function of the step alone.
pub(super) fn of_step(step: u64) -> Value {
    json!({ "step": step })
}

/// # Errors
/// If the state has no step.
pub(super) fn step(state: &Value, schedule: &str) -> Result<u64> {
    count(state, "step", schedule)
}

/// # Errors
/// If the state has no entry of this name, or it is not a count.
pub(super) fn count(state: &Value, name: &str, schedule: &str) -> Result<u64> {
    entry(state, name, schedule)?.as_u64().ok_or_else(|| mismatch(schedule, &format!("`{name}` is not a count")))
}

/// Reads a number that [`f64_to_json`](crate::params::state::f64_to_json) wrote.
///
/// # Errors
/// If the state has no entry of this name, or it is not such a number.
pub(super) fn number(state: &Value, name: &str, schedule: &str) -> Result<f64> {
    f64_from_json(entry(state, name, schedule)?).ok_or_else(|| mismatch(schedule, &format!("`{name}` is not a number")))
}

/// # Errors
/// If the state has no entry of this name.
pub(super) fn entry<'a>(state: &'a Value, name: &str, schedule: &str) -> Result<&'a Value> {
    state.get(name).ok_or_else(|| mismatch(schedule, &format!("it has no `{name}`")))
}

/// Returns the states of the parts of a composite schedule.
///
/// # Errors
/// If there are not exactly `count` of them.
pub(super) fn parts<'a>(state: &'a Value, count: usize, schedule: &str) -> Result<&'a [Value]> {
    let parts = entry(state, "parts", schedule)?.as_array().map(Vec::as_slice).unwrap_or_default();
    if parts.len() == count {
        return Ok(parts);
    }
    Err(mismatch(schedule, &format!("expected {count} parts, found {}", parts.len())))
}

/// The error of a stored state that does not belong to `schedule`.
pub(super) fn mismatch(schedule: &str, reason: &str) -> Error {
    Error::new(ErrorKind::Checkpoint, format!("the stored state does not fit the schedule `{schedule}`: {reason}"))
        .help("another schedule saved it: use the one that the checkpoint was made with, or start a new run")
}
