//! Differences between a program and a checkpoint.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::checkpoint::metadata::object;

/// Returns nested values by dotted names.
pub(crate) fn flat(value: &Value) -> BTreeMap<String, String> {
    fn add(prefix: &str, value: &Value, all: &mut BTreeMap<String, String>) {
        if value.is_object() {
            for (name, value) in &object(value) {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                add(&name, value, all);
            }
        } else {
            all.insert(prefix.to_owned(), value.to_string());
        }
    }
    let mut all = BTreeMap::new();
    add("", value, &mut all);
    all
}

/// Lists the hyperparameters of the module that differ from those of the checkpoint.
pub(crate) fn compare_hparams(stored: &Value, now: &Value, differences: &mut Vec<String>) {
    compare("hyperparameter", &flat(stored), &flat(now), differences);
}

/// Lists the values of the program that differ from those of the checkpoint.
pub(crate) fn compare(
    what: &str,
    stored: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
    differences: &mut Vec<String>,
) {
    for (name, value) in now {
        match stored.get(name) {
            Some(before) if before == value => {}
            Some(before) => differences
                .push(format!("the {what} `{name}` was {before} when the checkpoint was written and is {value} now")),
            None => differences.push(format!("the {what} `{name}` is {value} and is not in the checkpoint")),
        }
    }
    for (name, before) in stored.iter().filter(|(name, _)| !now.contains_key(*name)) {
        differences.push(format!(
            "the {what} `{name}` was {before} when the checkpoint was written and is not in the program"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_hyperparameters_have_dotted_names() {
        let value = serde_json::json!({ "a": { "b": 1, "c": [1, 2] }, "d": null });
        let names: Vec<_> = flat(&value).into_iter().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(names, [pair("a.b", "1"), pair("a.c", "[1,2]"), pair("d", "null")]);
    }
}
