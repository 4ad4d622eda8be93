//! The mirrors of this process: which files of this machine are uploaded, and where to.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;

use super::{
    mirror::{self, Mirror},
    store::Location,
};
use crate::error::{Error, Result};

/// The mirrors of this process. One stays until the process ends: what it has to upload may take
/// longer than a run.
static MIRRORS: Mutex<Vec<Arc<Mirror>>> = Mutex::new(Vec::new());

fn all() -> Vec<Arc<Mirror>> {
    MIRRORS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The mirror that a file is in, and the path of the file in the storage.
fn of(path: &Path) -> Option<(Arc<Mirror>, String)> {
    all().into_iter().find_map(|mirror| mirror.inside(path).map(|inside| (mirror, inside)))
}

/// The folder of this machine that stands for an address, whose files are uploaded from now on; any
/// other path is returned as it is.
///
/// # Errors
/// If the address is wrong.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf> {
    let Some(location) = Location::read(path)? else { return Ok(path.to_path_buf()) };
    let local = location.local();
    let mut mirrors = MIRRORS.lock().unwrap_or_else(PoisonError::into_inner);
    if !mirrors.iter().any(|mirror| *mirror.location() == location || mirror.inside(&local).is_some()) {
        mirrors.push(Arc::new(Mirror::new(location)));
    }
    Ok(local)
}

/// The file of this machine with what is at an address, which is downloaded; any other path is returned
/// as it is.
///
/// # Errors
/// If the address is wrong, there is no such file, or the storage does not answer.
pub(crate) fn fetch(path: &Path) -> Result<PathBuf> {
    match Location::read(path)? {
        Some(location) => mirror::download(&location),
        None => Ok(path.to_path_buf()),
    }
}

/// Downloads what the storage has of the mirror that a folder is in or is.
///
/// # Errors
/// If the storage does not answer.
pub(crate) fn pull(folder: &Path, with_checkpoints: bool) -> Result<()> {
    let mirror = all().into_iter().find(|mirror| folder.starts_with(mirror.local()));
    mirror.map_or(Ok(()), |mirror| mirror.pull(with_checkpoints))
}

/// Uploads a file that was written.
///
/// # Errors
/// If that cannot be written down.
pub(crate) fn written(path: &Path) -> Result<()> {
    of(path).map_or(Ok(()), |(mirror, inside)| mirror.push(&json!({ "put": inside })))
}

/// Uploads a file that names another one in its folder.
///
/// # Errors
/// If it cannot be read, or that cannot be written down.
pub(crate) fn pointed(pointer: &Path, target: &Path) -> Result<()> {
    let Some((mirror, inside)) = of(pointer) else { return Ok(()) };
    let text = std::fs::read_to_string(pointer).map_err(|error| Error::io("read", pointer, error))?;
    let target = mirror.inside(target).unwrap_or_default();
    mirror.push(&json!({ "pointer": inside, "text": text, "target": target }))
}

/// Removes a file later, here and in the storage, once what was written before is there. Returns
/// `false` for one that is not uploaded.
///
/// # Errors
/// If that cannot be written down.
pub(crate) fn removes(path: &Path) -> Result<bool> {
    match of(path) {
        Some((mirror, inside)) => mirror.push(&json!({ "delete": inside })).map(|()| true),
        None => Ok(false),
    }
}

/// Uploads the files of a run's folder that have changed, without checkpoints.
///
/// # Errors
/// If the folder cannot be read, or that cannot be written down.
pub(crate) fn logs(folder: &Path) -> Result<()> {
    let mirror = all().into_iter().find(|mirror| folder.starts_with(mirror.local()));
    mirror.map_or(Ok(()), |mirror| mirror.logs(folder))
}

/// Waits until what was written is uploaded. Returns what failed or was not, in words.
pub(crate) fn finish() -> Vec<String> {
    let finished = |mirror: Arc<Mirror>| {
        let left = mirror.finish().err().map(|error| format!("`{}`: {error}", mirror.location()));
        left.or_else(|| mirror.failure())
    };
    all().into_iter().filter_map(finished).collect()
}
