//! TOML with the places of its values.

use std::rc::Rc;

use ::toml::de::{DeTable, DeValue};

use crate::{
    node::{Content, Key, Node},
    source::{Place, Problems, Source},
};

/// Reads a document.
pub(super) fn parse(source: &Rc<Source>, problems: &mut Problems) -> Option<Node> {
    match DeTable::parse(&source.text) {
        Ok(table) => Some(of_table(table.get_ref(), table.span(), source, problems)),
        Err(error) => {
            let place = Place::new(source, error.span().unwrap_or_default());
            problems.add(format!("this is not TOML: {}", error.message()), Some(&place), "");
            None
        }
    }
}

fn of_table(table: &DeTable<'_>, span: std::ops::Range<usize>, source: &Rc<Source>, problems: &mut Problems) -> Node {
    let mut entries: Vec<(Key, Node)> = table
        .iter()
        .map(|(key, value)| {
            let key = Key { name: key.get_ref().to_string(), place: Place::new(source, key.span()) };
            (key, of_value(value.get_ref(), value.span(), source, problems))
        })
        .collect();
    // In the order of the file, as in the other formats.
    entries.sort_by_key(|(key, _)| key.place.range.start);
    Node::new(Content::Map(entries), source, span)
}

fn of_value(value: &DeValue<'_>, span: std::ops::Range<usize>, source: &Rc<Source>, problems: &mut Problems) -> Node {
    let content = match value {
        DeValue::String(text) => Content::Text(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            match i128::from_str_radix(&digits, number.radix()) {
                Ok(number) => Content::Int(number),
                Err(error) => {
                    let place = Place::new(source, span.clone());
                    problems.add(format!("this integer cannot be read: {error}"), Some(&place), "");
                    Content::Null
                }
            }
        }
        DeValue::Float(number) => Content::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Content::Bool(*value),
        DeValue::Datetime(time) => Content::Text(time.to_string()),
        DeValue::Array(items) => {
            Content::List(items.iter().map(|item| of_value(item.get_ref(), item.span(), source, problems)).collect())
        }
        DeValue::Table(table) => return of_table(table, span, source, problems),
    };
    Node::new(content, source, span)
}
