//! Without the feature `remote`: addresses are refused, and nothing is uploaded.

use std::path::{Path, PathBuf};

use super::is_remote;
use crate::error::{Error, Result};

/// The folder of this machine that stands for an address; any other path is returned as it is.
///
/// # Errors
/// If the address is wrong, or the feature `remote` is off.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf> {
    if is_remote(path) { Err(off(path)) } else { Ok(path.to_path_buf()) }
}

/// The file of this machine with what is at an address, which is downloaded; any other path is returned
/// as it is.
///
/// # Errors
/// If the address is wrong, or the feature `remote` is off.
pub(crate) fn fetch(path: &Path) -> Result<PathBuf> {
    resolve(path)
}

fn off(path: &Path) -> Error {
    Error::config(format!("`{}` is in object storage, and the feature `remote` is off", path.display()))
        .help("write `lightning-core = { features = [\"remote\"] }` in `Cargo.toml`")
}

/// Downloads what the storage has of a run's folder. Nothing without the feature.
pub(crate) fn pull(_folder: &Path, _with_checkpoints: bool) -> Result<()> {
    Ok(())
}

/// Uploads a file that was written.
pub(crate) fn written(_path: &Path) -> Result<()> {
    Ok(())
}

/// Uploads a file that names another one in its folder.
pub(crate) fn pointed(_pointer: &Path, _target: &Path) -> Result<()> {
    Ok(())
}

/// Removes a file later, here and in the storage, once what was written before is there. Returns
/// `false` for one that is not uploaded.
pub(crate) fn removes(_path: &Path) -> Result<bool> {
    Ok(false)
}

/// Uploads the files of a run's folder that have changed, without checkpoints.
pub(crate) fn logs(_folder: &Path) -> Result<()> {
    Ok(())
}

/// Waits until what was written is uploaded. Returns what was not, in words.
pub(crate) fn finish() -> Vec<String> {
    Vec::new()
}
