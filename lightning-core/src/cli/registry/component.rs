//! A callback or logger with a name, and its arguments.

use serde_json::Value;

use crate::cli::shape::{Entry, Shape, Table};

/// A callback or logger that a configuration can name.
#[derive(Debug)]
pub(in crate::cli) struct Component {
    pub(in crate::cli) name: &'static str,
    /// PyTorch Lightning's name, if it is another.
    pub(in crate::cli) alias: Option<&'static str>,
    pub(in crate::cli) doc: &'static str,
    pub(in crate::cli) args: fn() -> Vec<Arg>,
}

/// An argument: its name, type, default and documentation.
pub(in crate::cli) type Arg = (&'static str, Shape, Value, &'static str);

impl Component {
    pub(in crate::cli) fn table(&self) -> Table {
        let entries = (self.args)().into_iter().map(|(key, shape, default, doc)| Entry::new(key, shape, doc, default));
        Table { entries: entries.collect() }
    }
}

/// Typed access to checked arguments.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Args<'a>(pub(in crate::cli) &'a Value);

impl<'a> Args<'a> {
    fn get(self, key: &str) -> &'a Value {
        self.0.get(key).unwrap_or(&Value::Null)
    }

    pub(in crate::cli) fn text(self, key: &str) -> Option<&'a str> {
        self.get(key).as_str()
    }

    pub(in crate::cli) fn uint(self, key: &str) -> Option<u64> {
        self.get(key).as_u64()
    }

    pub(in crate::cli) fn int(self, key: &str) -> Option<i64> {
        self.get(key).as_i64()
    }

    pub(in crate::cli) fn float(self, key: &str) -> Option<f64> {
        self.get(key).as_f64()
    }

    pub(in crate::cli) fn bool(self, key: &str) -> Option<bool> {
        self.get(key).as_bool()
    }

    pub(in crate::cli) fn value(self, key: &str) -> &'a Value {
        self.get(key)
    }
}
