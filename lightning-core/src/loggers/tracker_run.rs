//! The folder of a run on a tracker, and what the run was called when it was created.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    error::{Error, ErrorKind, Result},
    os::{
        files::{create_folder, write_atomic},
        time,
    },
    outbox::LINES,
};

const ABOUT: &str = "run-about.json";

/// Milliseconds since 1970.
#[cfg(feature = "mlflow")]
pub(super) fn now_ms() -> u64 {
    (time::now() * 1e3) as u64
}

/// The folder of a run: in that of another logger if there is one, otherwise below `root`, under the
/// key of the run.
pub(super) fn folder(beside: Option<&Path>, root: &Path, tracker: &str, key: &str) -> PathBuf {
    beside.map_or_else(|| root.join(key), |beside| beside.join(tracker))
}

/// What is known of the run in a folder; `None` if there is none.
///
/// # Errors
/// If it cannot be read.
pub(super) fn read_about(folder: &Path) -> Result<Option<Value>> {
    let path = folder.join(ABOUT);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| Error::io("read", &path, error))?,
    };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        Error::new(ErrorKind::Io, format!("`{}` must be JSON", path.display()))
            .at_path(&path)
            .help("move the folder away to start a new run")
            .caused_by(error)
    })
}

/// # Errors
/// If it cannot be written.
pub(super) fn write_about(folder: &Path, about: &Value) -> Result<()> {
    create_folder(folder)?;
    write_atomic(folder.join(ABOUT), |file| file.write_all(about.to_string().as_bytes()))
}

/// The keys and folders of the runs below `root`, the oldest first.
///
/// # Errors
/// If it cannot be read.
pub(super) fn earlier(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let unreadable = |error| Error::io("read the folder", root, error);
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut runs = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str())
            && path.join(LINES).is_file()
        {
            runs.push((name.to_owned(), path.clone()));
        }
    }
    runs.sort();
    Ok(runs)
}

/// A key for a new run: the time, and random digits that do not depend on the seed.
pub(super) fn new_key() -> String {
    let random = RandomState::new().hash_one((std::process::id(), time::now().to_bits()));
    format!("{}-{:08x}", time::compact(time::now()), random as u32)
}
