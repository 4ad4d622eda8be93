//! A storage and the studies that its records describe.

use serde_json::Value;

use super::{Storage, replay::Replay};
use crate::{error::Result, os::panics::catch_in};

/// A storage with what was read of it.
#[derive(Debug)]
pub(in crate::search) struct Log {
    storage: Box<dyn Storage>,
    pub(in crate::search) state: Replay,
}

impl Log {
    pub(in crate::search) fn new(storage: Box<dyn Storage>) -> Self {
        Self { storage, state: Replay::default() }
    }

    /// Reads what others have appended.
    pub(in crate::search) fn sync(&mut self) -> Result<()> {
        let Self { storage, state } = self;
        let new = catch_in(|| "Storage::read".to_owned(), || storage.read(state.applied()))?;
        self.state.apply_all(&new);
        Ok(())
    }

    /// Reads what others have appended, and appends what `decide` returns, which no other worker can
    /// come between. Returns its second result.
    pub(in crate::search) fn update<T>(
        &mut self,
        mut decide: impl FnMut(&Replay) -> Result<(Vec<Value>, T)>,
    ) -> Result<Option<T>> {
        let Self { storage, state } = self;
        let (mut appended, mut result) = (Vec::new(), None);
        let from = state.applied();
        let mut append = |new: &[Value]| {
            state.apply_all(new);
            let (records, value) = decide(state)?;
            result = Some(value);
            appended.clone_from(&records);
            Ok(records)
        };
        catch_in(|| "Storage::update".to_owned(), || storage.update(from, &mut append))?;
        self.state.apply_all(&appended);
        Ok(result)
    }

    /// Appends records.
    pub(in crate::search) fn append(&mut self, records: &[Value]) -> Result<()> {
        self.update(|_| Ok((records.to_vec(), ()))).map(drop)
    }
}
