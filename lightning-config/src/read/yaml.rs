//! YAML, of which JSON is a part, with the places of its values.

use std::{fmt, rc::Rc};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Location, Spanned};

use crate::{
    node::{Content, Key, Node},
    source::{Place, Problems, Source},
};

/// Reads a document.
pub(super) fn parse(source: &Rc<Source>, problems: &mut Problems) -> Option<Node> {
    if source.text.trim().is_empty() {
        return Some(Node::new(Content::Null, source, 0..0));
    }
    match serde_saphyr::from_str_with_options::<Spanned<Value>>(&source.text, options()) {
        Ok(value) => Some(node(value, &|location| Place::new(source, range(&source.text, location)))),
        Err(error) => {
            let location = error.location().unwrap_or(Location::UNKNOWN);
            let place = Place::new(source, range(&source.text, location));
            problems.add(format!("this is not YAML: {}", message(&error)), Some(&place), "");
            None
        }
    }
}

/// Reads one value.
pub(super) fn parse_value(text: &str, place: &Place) -> Result<Node, String> {
    if text.trim().is_empty() {
        return Ok(Node { content: Content::Text(text.to_owned()), place: place.clone() });
    }
    let value =
        serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options()).map_err(|error| message(&error))?;
    Ok(node(value, &|_| place.clone()))
}

/// NaN and infinity are read, and refused where they do not belong.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! { non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough }
}

/// The first line of the message: what follows shows the place.
fn message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or(line);
    let line =
        line.split_once(": ").filter(|(start, _)| start.starts_with("error: line")).map_or(line, |(_, rest)| rest);
    match line.trim().strip_prefix("duplicate mapping key: ").and_then(|rest| rest.split(',').next()) {
        Some(key) => format!("the key `{key}` is there twice"),
        None => line.trim().to_owned(),
    }
}

/// The bytes of a location.
fn range(text: &str, location: Location) -> std::ops::Range<usize> {
    let span = location.span();
    if let (Some(start), Some(len)) = (span.byte_offset(), span.byte_len()) {
        let (start, len) = (start as usize, len as usize);
        return start..start + len;
    }
    let line = usize::try_from(location.line()).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(location.column()).unwrap_or(1).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let at = start + rest.chars().take(column).map(char::len_utf8).sum::<usize>();
    at..at + 1
}

enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

fn node(value: Spanned<Value>, place: &dyn Fn(Location) -> Place) -> Node {
    let content = match value.value {
        Value::Null => Content::Null,
        Value::Bool(value) => Content::Bool(value),
        Value::Int(value) => Content::Int(value),
        Value::Float(value) => Content::Float(value),
        Value::Text(text) => Content::Text(text),
        Value::List(items) => Content::List(items.into_iter().map(|item| node(item, place)).collect()),
        Value::Map(entries) => Content::Map(
            entries
                .into_iter()
                .map(|(key, value)| (Key { name: key.value, place: place(key.referenced) }, node(value, place)))
                .collect(),
        ),
    };
    Node { content, place: place(value.referenced) }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(i128::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key()? {
            map.push((key, entries.next_value()?));
        }
        Ok(Value::Map(map))
    }
}
