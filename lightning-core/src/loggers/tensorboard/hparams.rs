//! The hyperparameters of a run for TensorBoard's page "HParams".
//!
//! Source: `api.proto` and `plugin_data.proto` of
//! <https://github.com/tensorflow/tensorboard/tree/master/tensorboard/plugins/hparams>.

use serde_json::Value;

use super::event;
use crate::loggers::{RunStatus, protobuf::Message};

const PLUGIN: &str = "hparams";

/// `DataType` of a hyperparameter.
const TEXT: u64 = 1;
const BOOL: u64 = 2;
const NUMBER: u64 = 3;

/// The values of one level, with names such as `optimizer/lr`; lists are texts.
pub(super) fn flattened(hparams: &Value) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    flatten("", hparams, &mut flat);
    flat
}

fn flatten(prefix: &str, value: &Value, flat: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
                flatten(&name, value, flat);
            }
        }
        Value::Null if prefix.is_empty() => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => flat.push((prefix.to_owned(), value.clone())),
        Value::Null | Value::Array(_) => flat.push((prefix.to_owned(), Value::String(value.to_string()))),
    }
}

/// The values that announce the hyperparameters of a run; `metrics` are those that the page compares
/// runs by.
pub(super) fn start(hparams: &[(String, Value)], metrics: &[String], time: f64) -> [Message; 2] {
    let infos = hparams.iter().fold(Message::new(), |experiment, (name, value)| {
        let kind = match value {
            Value::Bool(_) => BOOL,
            Value::Number(_) => NUMBER,
            _ => TEXT,
        };
        experiment.message(4, Message::new().bytes(1, name).int(4, kind))
    });
    let experiment = metrics.iter().fold(infos, |experiment, metric| {
        experiment.message(5, Message::new().message(1, Message::new().bytes(2, metric)))
    });
    let values = hparams.iter().fold(Message::new(), |session, (name, value)| {
        let value = match value {
            Value::Bool(value) => Message::new().int(4, u64::from(*value)),
            Value::Number(number) => Message::new().double(2, number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Message::new().bytes(3, text),
            other => Message::new().bytes(3, other.to_string()),
        };
        session.message(1, Message::new().bytes(1, name).message(2, value))
    });
    let session = values.double(5, time);
    [
        event::plugin_data("_hparams_/experiment", PLUGIN, Message::new().message(2, experiment)),
        event::plugin_data("_hparams_/session_start_info", PLUGIN, Message::new().message(3, session)),
    ]
}

/// The value that tells how a run ended.
pub(super) fn end(status: RunStatus, time: f64) -> Message {
    let status = match status {
        RunStatus::Success => 1,
        RunStatus::Failed | RunStatus::Interrupted => 2,
    };
    let end = Message::new().int(1, status).double(2, time);
    event::plugin_data("_hparams_/session_end_info", PLUGIN, Message::new().message(4, end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_hyperparameters_have_paths() {
        let flat = flattened(&json!({"lr": 0.1, "net": {"layers": [1, 2], "bias": true}, "name": "a", "none": null}));
        let expected = [
            ("lr", json!(0.1)),
            ("name", json!("a")),
            ("net/bias", json!(true)),
            ("net/layers", json!("[1,2]")),
            ("none", json!("null")),
        ];
        let mut flat: Vec<_> = flat.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        flat.sort_by_key(|(name, _)| *name);
        assert_eq!(flat, expected);
        assert!(flattened(&Value::Null).is_empty());
    }
}
