//! Where the trials of a study are kept: in memory, or in a journal that processes share.

mod journal;
mod lock;
mod log;
mod memory;
mod replay;

use std::{fmt::Debug, path::Path};

use serde_json::Value;

pub use self::{journal::Journal, memory::Memory};
pub(super) use self::{log::Log, replay::Replay};
use crate::error::Result;

/// A list of records that only grows, which workers share.
///
/// A record is a JSON object: one operation on a study or trial, as in Optuna's journal. What a
/// study is follows from its records, so a storage only keeps their order.
pub trait Storage: Debug + Send {
    /// Returns the records from the `from`-th on, which is counted from 0.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read(&mut self, from: usize) -> Result<Vec<Value>>;

    /// Appends the records that `decide` returns for the records from the `from`-th on, while no
    /// other worker can append any. Nothing is appended after an error.
    ///
    /// # Errors
    /// That of `decide`, or if records cannot be read or written.
    fn update(&mut self, from: usize, decide: &mut dyn FnMut(&[Value]) -> Result<Vec<Value>>) -> Result<()>;

    /// Returns the file that other processes can open, if there is one.
    fn path(&self) -> Option<&Path> {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
