//! Schedules made of schedules: the errors of all parts in one.

use super::LrScheduler;
use crate::error::{Error, Result};

/// Collects the errors of parts.
#[derive(Debug, Default)]
pub(super) struct Errors(Vec<Error>);

impl Errors {
    pub(super) fn add(&mut self, error: Error) {
        self.0.push(error);
    }

    /// The part, if it could be made.
    pub(super) fn take<T>(&mut self, part: Result<T>) -> Option<T> {
        part.map_err(|error| self.add(error)).ok()
    }

    /// # Errors
    /// When there was one: that one, or one that lists them all.
    pub(super) fn finish(mut self) -> Result<()> {
        match self.0.len() {
            0 => Ok(()),
            1 => self.0.pop().map_or(Ok(()), Err),
            count => {
                let list: String =
                    self.0.iter().map(|error| format!("\n  - {}", error.to_string().replace('\n', "\n  "))).collect();
                Err(Error::config(format!("{count} parts of the schedule cannot work:{list}")))
            }
        }
    }
}

/// What all of `parts` say of themselves.
pub(super) fn describe<'a>(parts: impl Iterator<Item = &'a Box<dyn LrScheduler>>) -> Vec<String> {
    parts.map(|part| part.describe()).collect()
}
