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
        let stored = stored.get(name).map(String::as_str);
        compare_one(&format!("the {what} `{name}`"), stored, Some(value), differences);
    }
    for (name, before) in stored.iter().filter(|(name, _)| !now.contains_key(*name)) {
        compare_one(&format!("the {what} `{name}`"), Some(before), None, differences);
    }
}

/// Lists a value if it differs. `None` is a value that the checkpoint or the program does not have.
pub(crate) fn compare_one(what: &str, stored: Option<&str>, now: Option<&str>, differences: &mut Vec<String>) {
    differences.push(match (stored, now) {
        _ if stored == now => return,
        (Some(before), Some(now)) => {
            format!("{what} was {before} when the checkpoint was written and is {now} now")
        }
        (Some(before), None) => {
            format!("{what} was {before} when the checkpoint was written and is not in the program")
        }
        (None, Some(now)) => format!("{what} is {now} and is not in the checkpoint"),
        (None, None) => return,
    });
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
