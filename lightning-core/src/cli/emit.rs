//! Writes a configuration as YAML that every reader takes for the same values.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::{
    registry,
    shape::{Shape, Table},
};

/// Writes all keys of a table, with their documentation as comments.
pub(super) fn emit(table: &Table, values: &Value) -> String {
    let mut text = String::new();
    write_table(&mut text, table, values, 0);
    text
}

fn write_table(text: &mut String, table: &Table, values: &Value, indent: usize) {
    let pad = " ".repeat(indent);
    for entry in &table.entries {
        let Some(value) = values.get(&entry.key) else { continue };
        for line in entry.doc.lines().take(1).filter(|line| !line.is_empty()) {
            let _ = writeln!(text, "{pad}# {}", line.trim());
        }
        write_entry(text, &entry.key, value, &entry.shape, indent);
    }
}

fn write_entry(text: &mut String, key: &str, value: &Value, shape: &Shape, indent: usize) {
    let pad = " ".repeat(indent);
    let key = text_of(key);
    match (shape, value) {
        (Shape::Optional(inner), value) if !value.is_null() => write_entry(text, &key_raw(&key), value, inner, indent),
        (Shape::Table(table), Value::Object(entries)) if !entries.is_empty() => {
            let _ = writeln!(text, "{pad}{key}:");
            write_table(text, table, value, indent + 2);
        }
        (Shape::Components(kind), Value::Array(items)) if !items.is_empty() => {
            let _ = writeln!(text, "{pad}{key}:");
            for item in items {
                let name = item.get("class_path").and_then(Value::as_str).unwrap_or_default();
                let _ = writeln!(text, "{pad}  - class_path: {name}");
                let args = item.get("init_args").and_then(Value::as_object);
                let set: Map<String, Value> = args
                    .into_iter()
                    .flatten()
                    .filter(|(_, v)| !v.is_null())
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect();
                let component = registry::all(*kind).iter().find(|known| known.name == name);
                if let Some(component) = component.filter(|_| !set.is_empty()) {
                    let _ = writeln!(text, "{pad}    init_args:");
                    for entry in &component.table().entries {
                        if let Some(value) = set.get(&entry.key) {
                            write_entry(text, &entry.key, value, &entry.shape, indent + 6);
                        }
                    }
                }
            }
        }
        (_, value) => {
            let _ = writeln!(text, "{pad}{key}: {}", flow(value, shape));
        }
    }
}

/// The key without its quotes, which are added again.
fn key_raw(key: &str) -> String {
    serde_json::from_str(key).unwrap_or_else(|_| key.to_owned())
}

/// A value on one line.
pub(super) fn flow(value: &Value, shape: &Shape) -> String {
    match (shape, value) {
        (_, Value::Null) => "null".to_owned(),
        (_, Value::Bool(value)) => value.to_string(),
        (Shape::Optional(inner), _) => flow(value, inner),
        (Shape::Float { single }, Value::Number(number)) => match number.as_f64() {
            Some(value) => float(value, *single),
            None => number.to_string(),
        },
        (Shape::Float { .. }, Value::String(special)) => match special.as_str() {
            "+Infinity" => ".inf".to_owned(),
            "-Infinity" => "-.inf".to_owned(),
            _ => ".nan".to_owned(),
        },
        (Shape::Int { .. }, Value::String(digits)) => digits.clone(),
        (Shape::Either(shapes), Value::Number(number)) if number.is_f64() => {
            let single = shapes.iter().any(|shape| matches!(shape, Shape::Float { single: true }));
            float(number.as_f64().unwrap_or_default(), single)
        }
        (Shape::Either(shapes), _) => {
            let fits = |shape: &&Shape| match value {
                Value::Array(_) => matches!(shape, Shape::List(_) | Shape::Tuple(_)),
                Value::Object(_) => matches!(shape, Shape::Choice(_) | Shape::Table(_) | Shape::Map(_)),
                _ => false,
            };
            flow(value, shapes.iter().find(fits).unwrap_or(&Shape::Any))
        }
        (_, Value::Number(number)) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(value) => float(value, false),
            None => number.to_string(),
        },
        (_, Value::String(text)) => text_of(text),
        (_, Value::Array(items)) => {
            let inner = |at: usize| match shape {
                Shape::List(inner) => inner,
                Shape::Tuple(shapes) => shapes.get(at).unwrap_or(&Shape::Any),
                _ => &Shape::Any,
            };
            let items: Vec<String> = items.iter().enumerate().map(|(at, item)| flow(item, inner(at))).collect();
            format!("[{}]", items.join(", "))
        }
        (_, Value::Object(entries)) => {
            let inner = |key: &str| match shape {
                Shape::Map(inner) => Some(&**inner),
                Shape::Table(table) => table.entry(key).map(|entry| &entry.shape),
                Shape::Choice(variants) => variants.iter().find(|variant| variant.name == key)?.content.as_ref(),
                _ => None,
            };
            let entry = |(key, value): (&String, &Value)| {
                format!("{}: {}", text_of(key), flow(value, inner(key).unwrap_or(&Shape::Any)))
            };
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A float that YAML 1.1 takes for one too: with a point, and a sign of its exponent.
fn float(value: f64, single: bool) -> String {
    let text = if single { format!("{:?}", value as f32) } else { format!("{value:?}") };
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

/// Words that YAML 1.1 or 1.2 takes for something else than a text.
const RESERVED: &[&str] =
    &["true", "false", "yes", "no", "on", "off", "null", "none", "y", "n", "nan", "inf", ".nan", ".inf"];

/// A text, in quotes where a reader could take it for something else.
pub(super) fn text_of(text: &str) -> String {
    let mut chars = text.chars();
    let starts = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '/')
        || text.starts_with("./")
        || text.starts_with("../");
    let is_plain = starts && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c));
    if is_plain && !RESERVED.contains(&text.to_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || c == '\u{feff}' || c == '\u{2028}' || c == '\u{2029}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
