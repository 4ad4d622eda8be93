//! The numbers of a state as JSON and back, exactly, including NaN and infinity.

use serde_json::Value;

use super::task::Task;
use crate::{
    error::{Error, ErrorKind, Result},
    params::state::{f64_from_json, f64_to_json},
};

/// Returns a list of numbers as JSON.
pub(crate) fn numbers(values: impl IntoIterator<Item = f64>) -> Value {
    Value::Array(values.into_iter().map(f64_to_json).collect())
}

/// Returns the list of numbers under a key of an object.
///
/// # Errors
/// If there is none, or it is something else.
pub(crate) fn numbers_of(state: &Value, key: &str) -> Result<Vec<f64>> {
    let list = state.get(key).and_then(Value::as_array);
    list.and_then(|list| list.iter().map(f64_from_json).collect()).ok_or_else(|| foreign(key))
}

/// Returns the list of counts under a key of an object.
///
/// # Errors
/// If there is none, or it is something else.
pub(crate) fn counts_of(state: &Value, key: &str) -> Result<Vec<u64>> {
    let list = state.get(key).and_then(Value::as_array);
    list.and_then(|list| list.iter().map(Value::as_u64).collect()).ok_or_else(|| foreign(key))
}

/// Returns the size under a key of an object; `None` if it is missing or null.
///
/// # Errors
/// If it is something else.
pub(crate) fn size_of(state: &Value, key: &str) -> Result<Option<usize>> {
    match state.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().and_then(|size| usize::try_from(size).ok()).map(Some).ok_or_else(|| foreign(key)),
    }
}

/// Returns the task under `task` and `classes` of an object.
///
/// # Errors
/// If there is none.
pub(crate) fn task_of(state: &Value) -> Result<Task> {
    let classes = size_of(state, "classes")?.ok_or_else(|| foreign("classes"))?;
    let name = state.get("task").and_then(Value::as_str);
    name.and_then(|name| Task::named(name, classes)).ok_or_else(|| foreign("task"))
}

/// The error for a state that the metric did not write.
pub(crate) fn foreign(key: &str) -> Error {
    let text = format!("the checkpoint must contain the state of this metric, found a state without a valid `{key}`");
    Error::new(ErrorKind::Checkpoint, text)
        .help("resume with the same metrics as the saved run, or from a checkpoint at the end of an epoch")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_number_comes_back_exactly() -> Result<()> {
        let values = [0.1, -0.0, 1.0 / 3.0, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        let text = json!({ "values": numbers(values) }).to_string();
        let state: Value = serde_json::from_str(&text)?;
        let read = numbers_of(&state, "values")?;
        assert!(read.iter().zip(values).all(|(read, value)| read.to_bits() == value.to_bits()), "{text}");
        assert!(numbers_of(&state, "other").is_err());
        assert!(counts_of(&json!({ "counts": [1, -1] }), "counts").is_err());
        assert_eq!((size_of(&json!({}), "n")?, size_of(&json!({ "n": 3 }), "n")?), (None, Some(3)));
        Ok(())
    }
}
