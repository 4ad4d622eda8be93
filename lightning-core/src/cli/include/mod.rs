//! Configuration files that are checked when the program is compiled.
//!
//! The macros read the file and write it as a constant, a [`Node`]. The functions of `check.rs` compare
//! it with the tables that the command line has, in the same order and with the same texts, and panic
//! with all mistakes: rustc shows them at the macro.

mod check;
mod components;
mod near;
mod node;
mod report;
mod rust_type;
mod target;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;

pub use self::{
    check::{check_config, check_hparams},
    node::{Content, Entry, Node},
    target::{DataTarget, Target},
};

use std::{path::Path, rc::Rc};

use lightning_config::{self as config, Problems, Source};
use serde_json::Value;

use super::{about::About, check::Checker, registry::Known, shape::Table};

/// A configuration file that is part of the program, read by
/// [`include_config!`](crate::cli::include_config).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    name: &'static str,
    text: &'static str,
}

impl ConfigFile {
    /// What `include_config!` writes.
    #[doc(hidden)]
    pub const fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text }
    }

    /// The path as it is written in the macro.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The text of the file.
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// Parses the file.
    pub(super) fn parse(&self, problems: &mut Problems) -> Option<config::Node> {
        let source = Rc::new(Source { name: self.name.to_owned(), text: self.text.to_owned(), is_file: true });
        config::parse(&source, Path::new(self.name).extension().and_then(|name| name.to_str()), problems)
    }

    /// The values of a whole configuration, with those of the program where the file says nothing.
    pub(super) fn values(&self, about: &About) -> Result<Value, Problems> {
        let mut problems = Problems::default();
        let node = self.parse(&mut problems);
        let value = node.and_then(|mut node| {
            node.remove_empty();
            Checker { known: about.known(), problems: &mut problems }.table(&node, &about.root, "", None)
        });
        value.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// The values of the file by a table, with the defaults that it has.
    fn table(&self, table: &Table) -> Result<Value, Problems> {
        let mut problems = Problems::default();
        let node = self.parse(&mut problems);
        let mut checker = Checker { known: Known { metrics: &[], modules: &[] }, problems: &mut problems };
        let value = node.and_then(|node| checker.table(&node, table, "", None));
        value.filter(|_| problems.is_empty()).ok_or(problems)
    }
}
