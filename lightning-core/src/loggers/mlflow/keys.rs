//! Names and numbers as an MLflow server accepts them.

use std::collections::HashMap;

use serde_json::Value;

/// The longest name of a metric or a parameter, and the longest value of a parameter.
const LONGEST_KEY: usize = 250;
pub(super) const LONGEST_VALUE: usize = 6000;

/// The names of metrics, each with the key that stands for it.
#[derive(Debug, Default)]
pub(super) struct Keys {
    of_names: HashMap<String, String>,
}

impl Keys {
    /// The key of a name: letters, digits and `_ - . : /` and spaces stay, all others are `_`. Two
    /// names have two keys.
    pub(super) fn of(&mut self, name: &str) -> String {
        if let Some(key) = self.of_names.get(name) {
            return key.clone();
        }
        let plain = plain(name);
        let mut key = plain.clone();
        let mut number = 2_u64;
        while self.of_names.values().any(|known| *known == key) {
            key = format!("{plain}:{number}");
            number += 1;
        }
        self.of_names.insert(name.to_owned(), key.clone());
        key
    }
}

/// A name that a server takes as one that leads nowhere else, as a path.
pub(super) fn plain(name: &str) -> String {
    let allowed = |c: char| if c.is_alphanumeric() || "_-.: /".contains(c) { c } else { '_' };
    let text: String = name.chars().take(LONGEST_KEY - 20).map(allowed).collect();
    let part = |part: &str| match part {
        "" | "." | ".." => "_".to_owned(),
        part => part.to_owned(),
    };
    text.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// A number, or the text that stands for one that JSON does not have.
pub(super) fn number(value: f64) -> Value {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        value => value.into(),
    }
}

/// The values of hyperparameters by their paths, such as `optimizer/lr`, as texts.
pub(super) fn flattened(hparams: &Value) -> Vec<(String, String)> {
    let mut flat = Vec::new();
    flatten("", hparams, &mut flat);
    flat
}

fn flatten(prefix: &str, value: &Value, flat: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
                flatten(&name, value, flat);
            }
        }
        Value::Null if prefix.is_empty() => {}
        Value::String(text) => flat.push((prefix.to_owned(), text.clone())),
        other => flat.push((prefix.to_owned(), other.to_string())),
    }
}

/// The name in MLflow of a value of `DeviceStatsMonitor`, whose values are on a page of their own.
pub(super) fn of_machine(name: &str) -> Option<String> {
    let name = name.strip_prefix("DeviceStatsMonitor.on_train_batch_end/")?;
    let (name, gpu) = name.split_once('/').map_or((name, ""), |(name, gpu)| (name, gpu));
    Some(match name {
        "cpu_percent" => "system/cpu_utilization_percentage".to_owned(),
        "cpu_vm_percent" => "system/system_memory_usage_percentage".to_owned(),
        "gpu_utilization_percent" => format!("system/gpu_{gpu}_utilization_percentage"),
        "gpu_memory_used_mib" => format!("system/gpu_{gpu}_memory_usage_megabytes"),
        "gpu_power_watts" => format!("system/gpu_{gpu}_power_usage_watts"),
        other if gpu.is_empty() => format!("system/{other}"),
        other => format!("system/gpu_{gpu}_{other}"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_have_keys_of_their_own() {
        let mut keys = Keys::default();
        assert_eq!(keys.of("val/acc@5"), "val/acc_5");
        assert_eq!(keys.of("val/acc#5"), "val/acc_5:2");
        assert_eq!(keys.of("val/acc@5"), "val/acc_5");
        assert_eq!(keys.of("../a//b"), "_/a/_/b");
        assert_eq!(keys.of("/etc"), "_/etc");
    }

    #[test]
    fn numbers_that_json_does_not_have_are_texts() {
        let values = [0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(number);
        assert_eq!(values, [json!(0.5), json!("NaN"), json!("Infinity"), json!("-Infinity")]);
    }

    #[test]
    fn nested_hyperparameters_have_paths() {
        let flat = flattened(&json!({"lr": 0.1, "net": {"layers": [1, 2]}, "name": "a"}));
        let expected = [("lr", "0.1"), ("name", "a"), ("net/layers", "[1,2]")];
        let mut flat: Vec<_> = flat.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        flat.sort_unstable();
        assert_eq!(flat, expected);
    }
}
