//! Schedules made of schedules.

use super::LrScheduler;
use crate::error::{Error, Result};

/// Collects the errors of all parts into one.
#[derive(Debug, Default)]
pub(super) struct PartErrors(Vec<Error>);

impl PartErrors {
    pub(super) fn add(&mut self, error: Error) {
        self.0.push(error);
    }

    /// Returns the value, or records the error.
    pub(super) fn take<T>(&mut self, part: Result<T>) -> Option<T> {
        part.map_err(|error| self.add(error)).ok()
    }

    /// # Errors
    /// The only recorded error, or one that lists all of them.
    pub(super) fn finish(mut self) -> Result<()> {
        match self.0.len() {
            0 => Ok(()),
            1 => self.0.pop().map_or(Ok(()), Err),
            count => {
                let list: String =
                    self.0.iter().map(|error| format!("\n  - {}", error.to_string().replace('\n', "\n  "))).collect();
                Err(Error::config(format!("{count} parts of the schedule have wrong settings:{list}")))
            }
        }
    }
}

/// Returns the descriptions of all parts.
pub(super) fn describe<'a>(parts: impl Iterator<Item = &'a Box<dyn LrScheduler>>) -> Vec<String> {
    parts.map(|part| part.describe()).collect()
}
