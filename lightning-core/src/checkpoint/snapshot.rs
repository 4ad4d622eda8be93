//! The state of a run at one point, and the file that is written from it.

use std::{borrow::Borrow, fs::File, io, path::Path};

use super::metadata::Metadata;
use crate::{
    checkpoint::{
        Checkpoint,
        container::{self, Stored},
        names,
    },
    error::Result,
    os::files,
    params::json::to_json_text,
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

/// Writes the file of a snapshot again, from another file of the same snapshot.
///
/// # Errors
/// If a file cannot be read or written.
pub(crate) fn write_again(checkpoint: &Checkpoint, path: &Path, weights_only: bool) -> Result<()> {
    let from = checkpoint.path();
    if !weights_only {
        return files::write_atomic(path, |writer| io::copy(&mut File::open(from)?, writer).map(|_| ()));
    }
    let mut tensors = Vec::new();
    for name in checkpoint.container.tensors().map(|(name, _)| name).filter(|name| is_of_model(name)) {
        if let Some(data) = checkpoint.container.read(&name)? {
            tensors.push(Stored::new(name, data)?);
        }
    }
    write(&checkpoint.metadata, tensors.iter(), path, true, || ())
}

/// Whether a tensor is in a file without optimizers and progress.
fn is_of_model(name: &str) -> bool {
    name.starts_with(names::MODEL) || name.starts_with(names::USER)
}

pub(crate) fn write<T: Borrow<Stored>>(
    metadata: &Metadata,
    tensors: impl Iterator<Item = T>,
    path: &Path,
    weights_only: bool,
    written: impl FnOnce(),
) -> Result<()> {
    let (text, tensors): (_, Vec<T>) = if weights_only {
        let wanted = |tensor: &T| is_of_model(tensor.borrow().name());
        let metadata = Metadata { run: None, ..metadata.clone() };
        (to_json_text(&metadata)?, tensors.filter(wanted).collect())
    } else {
        (to_json_text(metadata)?, tensors.collect())
    };
    let bytes: usize = tensors.iter().map(|tensor| tensor.borrow().len()).sum();
    files::write_atomic_head_last(path, bytes, |writer| {
        container::write(writer, tensors, Some(&text)).inspect(|_| written())
    })
}
