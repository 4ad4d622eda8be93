//! Records in memory.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::Storage;
use crate::error::Result;

/// Keeps the trials in memory: they are gone with the process. Clones share their records, so that
/// studies of several threads can work together.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Vec<Value>>>);

impl Memory {
    /// Creates a storage without records.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Storage for Memory {
    fn read(&mut self, from: usize) -> Result<Vec<Value>> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(records.get(from..).unwrap_or_default().to_vec())
    }

    fn update(&mut self, from: usize, decide: &mut dyn FnMut(&[Value]) -> Result<Vec<Value>>) -> Result<()> {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = decide(records.get(from..).unwrap_or_default())?;
        records.extend(new);
        Ok(())
    }
}
