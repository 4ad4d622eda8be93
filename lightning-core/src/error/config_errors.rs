//! Several wrong settings in one error.

use crate::error::{Error, Result};

/// Wrong settings, all of them, each with its remedy.
#[derive(Debug, Default)]
pub(crate) struct ConfigErrors {
    found: Vec<(String, String)>,
}

impl ConfigErrors {
    pub(crate) fn add(&mut self, what: impl Into<String>, help: impl Into<String>) {
        self.found.push((what.into(), help.into()));
    }

    /// The value, or its error noted.
    pub(crate) fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error.message(), error.remedy().unwrap_or("leave it out"))).ok()
    }

    /// Returns whether there is no problem so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// # Errors
    /// When there is any problem: one error that lists them all.
    pub(crate) fn finish(self) -> Result<()> {
        let mut found = self.found.into_iter();
        let Some((what, help)) = found.next() else { return Ok(()) };
        let rest: Vec<_> = found.collect();
        if rest.is_empty() {
            return Err(Error::config(what).help(help));
        }
        let mut text = format!("{} settings cannot work:", rest.len() + 1);
        for (what, help) in std::iter::once((what, help)).chain(rest) {
            text.push_str(&format!("\n  - {what}; {help}"));
        }
        Err(Error::config(text))
    }
}
