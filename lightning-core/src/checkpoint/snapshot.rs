//! The state of a run at one point, and the file that is written from it.

use std::{borrow::Borrow, path::Path};

use super::metadata::Metadata;
use crate::{
    checkpoint::{
        container::{self, Stored},
        names,
    },
    error::Result,
    os::files,
};

/// The state of a run at one point. Tensors in host memory are shared with the run, which
/// continues.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) metadata: Metadata,
    pub(crate) tensors: Vec<Stored>,
}

impl Snapshot {
    /// Returns whether the run shares memory with the snapshot.
    pub(crate) fn is_shared(&self) -> bool {
        self.tensors.iter().any(Stored::is_shared)
    }

    /// Writes the file atomically.
    ///
    /// # Errors
    /// If the file cannot be written, with its path.
    pub(crate) fn write(&self, path: &Path, weights_only: bool) -> Result<()> {
        write(&self.metadata, self.tensors.iter(), path, weights_only, || ())
    }

    /// As [`Snapshot::write`], for the last file of a snapshot: each tensor is dropped when it is
    /// written, so that training can change it without a copy. `all_freed` is called when all are
    /// dropped, which is before the file is in place.
    ///
    /// # Errors
    /// As [`Snapshot::write`].
    pub(crate) fn write_last(self, path: &Path, weights_only: bool, all_freed: impl FnOnce()) -> Result<()> {
        write(&self.metadata, self.tensors.into_iter(), path, weights_only, all_freed)
    }
}

pub(crate) fn write<T: Borrow<Stored>>(
    metadata: &Metadata,
    tensors: impl Iterator<Item = T>,
    path: &Path,
    weights_only: bool,
    written: impl FnOnce(),
) -> Result<()> {
    let (text, tensors): (_, Vec<T>) = if weights_only {
        let wanted = |tensor: &T| {
            let name = tensor.borrow().name();
            name.starts_with(names::MODEL) || name.starts_with(names::USER)
        };
        let metadata = Metadata { run: None, ..metadata.clone() };
        (serde_json::to_string(&metadata)?, tensors.filter(wanted).collect())
    } else {
        (serde_json::to_string(metadata)?, tensors.collect())
    };
    let bytes: usize = tensors.iter().map(|tensor| tensor.borrow().len()).sum();
    files::write_atomic_head_last(path, bytes, |writer| {
        container::write(writer, tensors, Some(&text)).inspect(|_| written())
    })
}
