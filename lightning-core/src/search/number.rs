//! JSON with the numbers that JSON does not have, as Python writes and reads them: `NaN`,
//! `Infinity` and `-Infinity`.

use serde_json::{Value, json};

/// What stands before the name of such a number in a text value. No other text starts with it.
const MARK: char = '\u{1}';

const NAMES: [(&str, f64); 3] = [("-Infinity", f64::NEG_INFINITY), ("Infinity", f64::INFINITY), ("NaN", f64::NAN)];

/// Returns a number as a value that [`text`] writes.
pub(super) fn value(number: f64) -> Value {
    let name = match number {
        number if number.is_finite() => return json!(number),
        number if number.is_nan() => "NaN",
        number if number > 0.0 => "Infinity",
        _ => "-Infinity",
    };
    Value::String(format!("{MARK}{name}"))
}

/// Reads a number that [`value`] or [`parse`] has made.
pub(super) fn read(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => {
            let name = text.strip_prefix(MARK)?;
            NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
        }
        value => value.as_f64(),
    }
}

/// Writes a value as one line.
pub(super) fn text(value: &Value) -> String {
    let mut text = value.to_string();
    for (name, _) in NAMES {
        text = text.replace(&format!("\"\\u0001{name}\""), name);
    }
    text
}

/// Reads a line.
///
/// # Errors
/// If it is not JSON.
pub(super) fn parse(line: &str) -> serde_json::Result<Value> {
    if !NAMES.iter().any(|(name, _)| line.contains(name)) {
        return serde_json::from_str(line);
    }
    let (mut marked, mut rest, mut is_text) = (String::with_capacity(line.len() + 16), line, false);
    while let Some(c) = rest.chars().next() {
        if !is_text && let Some((name, _)) = NAMES.iter().find(|(name, _)| rest.starts_with(name)) {
            marked.push_str(&format!("\"\\u0001{name}\""));
            rest = &rest[name.len()..];
            continue;
        }
        let mut taken = c.len_utf8();
        match c {
            '"' => is_text = !is_text,
            // The character after it belongs to it.
            '\\' => taken += rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => {}
        }
        marked.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    serde_json::from_str(&marked)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_does_not_have_are_those_of_python() {
        let line = text(&json!({"a": value(f64::NAN), "b": [value(f64::NEG_INFINITY), value(1.5)], "c": "NaN \" NaN"}));
        assert_eq!(line, r#"{"a":NaN,"b":[-Infinity,1.5],"c":"NaN \" NaN"}"#);
        let back = parse(&line).unwrap();
        assert!(read(&back["a"]).unwrap().is_nan());
        assert_eq!(read(&back["b"][0]), Some(f64::NEG_INFINITY));
        assert_eq!((read(&back["b"][1]), back["c"].as_str(), read(&back["c"])), (Some(1.5), Some("NaN \" NaN"), None));
        assert!(parse("{\"a\": Nan}").is_err());
    }
}
