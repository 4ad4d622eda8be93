//! What a configuration may contain: types, defaults and documentation of all keys.

use serde_json::{Map, Value};

use super::kind::Kind;
use crate::module::FieldDef;

/// The type of a value.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Checked only when the value is used.
    Any,
    /// `()`.
    Unit,
    Bool,
    Int {
        /// The Rust type.
        name: &'static str,
        min: i128,
        max: i128,
    },
    Float {
        /// Whether it is an `f32`.
        single: bool,
    },
    Text,
    Char,
    Optional(Box<Self>),
    List(Box<Self>),
    Tuple(Vec<Self>),
    /// A table whose keys are free.
    Map(Box<Self>),
    Table(Table),
    /// One of several named variants, as serde writes an enum.
    Choice(Vec<Variant>),
    /// The first that fits.
    Either(Vec<Self>),
    /// A time: seconds, or `"DD:HH:MM:SS"`, or a table of days, hours, minutes and seconds.
    Time,
    /// Callbacks or loggers by name.
    Components(Kind),
}

/// A variant of an enum, with its content if it has one.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) content: Option<Shape>,
}

/// A table with known keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

/// A key of a table.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) shape: Shape,
    pub(super) doc: String,
    /// The value where the configuration says nothing, if it is known.
    pub(super) default: Option<Value>,
    /// Whether the configuration must say something.
    pub(super) required: bool,
    /// What a search tries.
    pub(super) search: Option<String>,
}

impl Entry {
    pub(super) fn new(key: &str, shape: Shape, doc: &str, default: Value) -> Self {
        Self { key: key.to_owned(), shape, doc: doc.to_owned(), default: Some(default), required: false, search: None }
    }
}

impl Table {
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    /// The defaults of all keys that have one.
    pub(super) fn defaults(&self) -> Map<String, Value> {
        let default = |entry: &Entry| Some((entry.key.clone(), entry.default.clone()?));
        self.entries.iter().filter_map(default).collect()
    }

    /// Adds what the macro knows of the fields, and the values of a default.
    pub(super) fn describe(&mut self, fields: &[FieldDef], defaults: &Value) {
        for entry in &mut self.entries {
            let default = defaults.get(&entry.key);
            if default.is_some() {
                entry.default = default.cloned();
                entry.required = false;
            }
            let Some(def) = fields.iter().find(|def| def.key == entry.key) else { continue };
            entry.required &= def.default.is_none();
            def.doc.clone_into(&mut entry.doc);
            if let Shape::Table(table) = &mut entry.shape {
                table.describe(def.nested, default.unwrap_or(&Value::Null));
            }
        }
    }
}

impl Shape {
    pub(super) fn optional(self) -> Self {
        Self::Optional(Box::new(self))
    }

    pub(super) const fn unsigned(name: &'static str) -> Self {
        Self::Int { name, min: 0, max: u64::MAX as i128 }
    }

    pub(super) const FLOAT: Self = Self::Float { single: false };

    /// A choice among names.
    pub(super) fn names(names: &[&str]) -> Self {
        Self::Choice(names.iter().map(|name| Variant { name: (*name).to_owned(), content: None }).collect())
    }

    /// The table, if this is one.
    pub(super) fn table(&self) -> Option<&Table> {
        match self {
            Self::Table(table) => Some(table),
            Self::Optional(inner) => inner.table(),
            _ => None,
        }
    }

    /// Whether a flag without a value means `true`.
    pub(super) fn is_switch(&self) -> bool {
        match self {
            Self::Bool => true,
            Self::Either(shapes) => shapes.iter().any(Self::is_switch),
            Self::Optional(inner) => inner.is_switch(),
            _ => false,
        }
    }

    /// What is expected, for a message.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Any => "a value".to_owned(),
            Self::Unit => "null".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Int { min: 0, .. } => "an integer from 0 on".to_owned(),
            Self::Int { .. } => "an integer".to_owned(),
            Self::Float { .. } => "a number".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Char => "one character".to_owned(),
            Self::Optional(inner) => format!("{} or null", inner.expected()),
            Self::List(inner) => format!("a list, each item {}", inner.expected()),
            Self::Tuple(items) => format!("a list of {} values", items.len()),
            Self::Map(_) | Self::Table(_) => "a table".to_owned(),
            Self::Choice(variants) if variants.iter().all(|variant| variant.content.is_none()) => {
                let names: Vec<String> = variants.iter().map(|variant| format!("`{}`", variant.name)).collect();
                crate::text::either(&names)
            }
            Self::Choice(variants) => {
                let names: Vec<String> = variants
                    .iter()
                    .map(|variant| match &variant.content {
                        None => format!("`{}`", variant.name),
                        Some(content) => format!("`{{{}: {}}}`", variant.name, content.expected()),
                    })
                    .collect();
                crate::text::either(&names)
            }
            Self::Either(shapes) => crate::text::either(&shapes.iter().map(Self::expected).collect::<Vec<_>>()),
            Self::Time => "a time such as \"00:01:30:00\" (days, hours, minutes, seconds)".to_owned(),
            Self::Components(kind) => format!("a list of {}s by name", kind.noun()),
        }
    }

    /// The type in few letters, for the help.
    pub(super) fn short(&self) -> String {
        match self {
            Self::Any => "value".to_owned(),
            Self::Unit => "null".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Int { .. } => "int".to_owned(),
            Self::Float { .. } => "float".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Char => "char".to_owned(),
            Self::Optional(inner) => inner.short(),
            Self::List(inner) => format!("[{}]", inner.short()),
            Self::Tuple(items) => format!("[{}]", items.iter().map(Self::short).collect::<Vec<_>>().join(", ")),
            Self::Map(_) | Self::Table(_) => "table".to_owned(),
            Self::Choice(variants) => {
                variants.iter().map(|variant| variant.name.as_str()).collect::<Vec<_>>().join("|")
            }
            Self::Either(shapes) => shapes.iter().map(Self::short).collect::<Vec<_>>().join("|"),
            Self::Time => "time".to_owned(),
            Self::Components(kind) => format!("[{}]", kind.noun()),
        }
    }
}
