//! Folders in object storage: `s3://bucket/path`, `gs://…`, `az://…` and `file:///…`.
//!
//! With the feature `remote`, the address of such a folder may stand where a trainer takes a folder:
//! in [`default_root_dir`](crate::trainer::TrainerBuilder::default_root_dir) and
//! [`ModelCheckpoint::dirpath`](crate::ModelCheckpoint::dirpath); and the address of a checkpoint in
//! [`Resume::Path`](crate::Resume) and `load_from_checkpoint`.
//!
//! A run writes to a folder of this machine, `lightning_remote/<scheme>/<bucket>/<path>` in the working
//! folder (`LIGHTNING_REMOTE_DIR` sets another for `lightning_remote`), and a thread uploads what it has
//! written, in its order: a checkpoint, then the file that names the last one, then the removal of the
//! checkpoint that it replaces. An object is there whole or not at all, so that the storage has whole
//! checkpoints at any time. No step waits for the storage. If it is away, uploads are tried again, and
//! what is left when the program ends is uploaded by the next run of that folder; a run that ends waits
//! for as long as the upload goes on, and for a minute without any (`LIGHTNING_REMOTE_WAIT` sets other
//! seconds).
//!
//! A run that resumes downloads first what the storage has and this machine does not. A program whose
//! machine is gone can so continue on another.
//!
//! Accounts are those of the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`,
//! `AWS_ENDPOINT` and others for S3, `GOOGLE_…` and `AZURE_…` for the other two, as the crate
//! [`object_store`](https://docs.rs/object_store) reads them.

#[cfg(feature = "remote")]
mod http;
#[cfg(feature = "remote")]
mod mirror;
#[cfg(feature = "remote")]
mod mirrors;
#[cfg(not(feature = "remote"))]
mod off;
#[cfg(feature = "remote")]
mod store;
#[cfg(all(test, feature = "remote"))]
mod tests;

use std::path::Path;

#[cfg(feature = "remote")]
pub(crate) use self::mirrors::{fetch, finish, logs, pointed, pull, removes, resolve, written};
#[cfg(not(feature = "remote"))]
pub(crate) use self::off::{fetch, finish, logs, pointed, pull, removes, resolve, written};

/// The schemes of addresses.
const SCHEMES: [&str; 4] = ["s3", "gs", "az", "file"];

/// Whether a path is the address of a folder or a file in object storage.
///
/// ```
/// assert!(lightning_core::remote::is_remote("s3://bucket/run"));
/// assert!(!lightning_core::remote::is_remote("runs/s3"));
/// ```
pub fn is_remote(path: impl AsRef<Path>) -> bool {
    let text = path.as_ref().to_str();
    text.and_then(|text| text.split_once("://")).is_some_and(|(scheme, _)| SCHEMES.contains(&scheme))
}
