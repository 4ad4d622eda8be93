//! The options of `find-lr` and `find-batch-size`.

use std::path::PathBuf;

use serde_json::Value;

use crate::trainer::{BatchSizeMode, BatchSizeSearch, LrRange};

/// The learning rates to try, and the file of the drawing.
pub(super) fn range(options: &Value) -> (LrRange, Option<PathBuf>) {
    let number = |name: &str| options.get(name).and_then(Value::as_f64).unwrap_or_default();
    let (min, max) = (number("min_lr"), number("max_lr"));
    let range = match options.get("mode").and_then(Value::as_str) {
        Some("linear") => LrRange::linear(min, max),
        _ => LrRange::exponential(min, max),
    };
    let steps = options.get("num_training").and_then(Value::as_u64).unwrap_or(100);
    let early_stop = options.get("early_stop_threshold").and_then(Value::as_f64);
    let plot = options.get("plot").and_then(Value::as_str).map(PathBuf::from);
    (range.steps(steps).early_stop(early_stop), plot)
}

/// The search for a batch size.
pub(super) fn search(options: &Value) -> BatchSizeSearch {
    let count = |name: &str, default: u64| options.get(name).and_then(Value::as_u64).unwrap_or(default);
    let mode = match options.get("mode").and_then(Value::as_str) {
        Some("binsearch") => BatchSizeMode::BinarySearch,
        _ => BatchSizeMode::Power,
    };
    let field = options.get("batch_arg_name").and_then(Value::as_str).unwrap_or("batch_size");
    let search = BatchSizeSearch::new()
        .mode(mode)
        .init_val(count("init_val", 2) as usize)
        .steps_per_trial(count("steps_per_trial", 3))
        .max_trials(count("max_trials", 25) as usize)
        .batch_arg_name(field);
    match options.get("memory_limit").and_then(Value::as_u64) {
        Some(mib) => search.memory_limit(mib << 20),
        None => search,
    }
}
