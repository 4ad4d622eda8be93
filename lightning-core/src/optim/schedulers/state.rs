//! What schedules write into checkpoints and read from them.

use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};

/// The state of a schedule that is a function of the step alone.
pub(super) fn of_step(step: u64) -> Value {
    json!({ "step": step })
}

/// # Errors
/// When the state has no step.
pub(super) fn step(state: &Value, schedule: &str) -> Result<u64> {
    count(state, "step", schedule)
}

/// # Errors
/// When there is no such count.
pub(super) fn count(state: &Value, name: &str, schedule: &str) -> Result<u64> {
    part(state, name, schedule)?.as_u64().ok_or_else(|| wrong(schedule, &format!("`{name}` is no count")))
}

/// # Errors
/// When there is no such part.
pub(super) fn part<'a>(state: &'a Value, name: &str, schedule: &str) -> Result<&'a Value> {
    state.get(name).ok_or_else(|| wrong(schedule, &format!("it has no `{name}`")))
}

/// A number that may be infinite or none, which JSON's cannot.
pub(super) fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!(value.to_string()) }
}

/// # Errors
/// When this is no number written by [`number`].
pub(super) fn read_number(state: &Value, name: &str, schedule: &str) -> Result<f64> {
    let value = part(state, name, schedule)?;
    value
        .as_f64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        .ok_or_else(|| wrong(schedule, &format!("`{name}` is no number")))
}

pub(super) fn wrong(schedule: &str, what: &str) -> Error {
    Error::new(ErrorKind::Checkpoint, format!("the stored state of the schedule `{schedule}` cannot be used: {what}"))
        .help("it was saved by another schedule: use the one the checkpoint was made with, or start a new run")
}

/// The states of the parts of a schedule.
///
/// # Errors
/// When there are not as many as it has parts.
pub(super) fn parts<'a>(state: &'a Value, count: usize, schedule: &str) -> Result<&'a [Value]> {
    let parts = part(state, "parts", schedule)?.as_array().map(Vec::as_slice).unwrap_or_default();
    if parts.len() == count {
        return Ok(parts);
    }
    Err(wrong(schedule, &format!("it is of {} parts, and the schedule has {count}", parts.len())))
}
