//! A callback or logger with a name, and its arguments.

use serde_json::Value;

use crate::cli::{
    shape::{Entry, Table},
    spec::Spec,
};

/// A callback or logger that a configuration can name.
#[derive(Debug)]
pub(in crate::cli) struct Component {
    pub(in crate::cli) name: &'static str,
    /// PyTorch Lightning's name, if it is another.
    pub(in crate::cli) alias: Option<&'static str>,
    pub(in crate::cli) doc: &'static str,
    pub(in crate::cli) args: &'static [Arg],
}

/// An argument.
#[derive(Debug)]
pub(in crate::cli) struct Arg {
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) spec: Spec,
    /// As JSON.
    default: &'static str,
    doc: &'static str,
}

impl Arg {
    pub(super) const fn new(name: &'static str, spec: Spec, default: &'static str, doc: &'static str) -> Self {
        Self { name, spec, default, doc }
    }

    pub(super) const fn flag(name: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self::new(name, Spec::Bool, default, doc)
    }

    pub(super) const fn count(name: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self::new(name, Spec::COUNT, default, doc)
    }

    pub(super) const fn float(name: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self::new(name, Spec::Float, default, doc)
    }

    /// An argument that has no value by default.
    pub(super) const fn maybe(name: &'static str, spec: &'static Spec, doc: &'static str) -> Self {
        Self::new(name, Spec::Optional(spec), "null", doc)
    }

    pub(in crate::cli) fn default(&self) -> Value {
        serde_json::from_str(self.default).unwrap_or_default()
    }
}

impl Component {
    pub(in crate::cli) fn table(&self) -> Table {
        let entry = |arg: &Arg| Entry::new(arg.name, arg.spec.shape(), arg.doc, arg.default());
        Table { entries: self.args.iter().map(entry).collect() }
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
