//! The files that a run leaves, and what must be true of them at any moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// The bytes of files, by relative path.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Returns the files below a folder, except what a killed or interrupted run may leave in
/// addition: temporary files, which the next save in the folder removes, and the checkpoints that a
/// signal asked for.
fn files(folder: &Path) -> io::Result<Files> {
    let mut found = Files::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            let name = file_name(&path);
            if path.is_dir() {
                folders.push(path);
            } else if !name.ends_with(".tmp") && !name.starts_with("interrupted-") {
                found.insert(path.strip_prefix(folder).unwrap_or(&path).to_path_buf(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Returns the folders that contain the versions of a logger.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let candidates = ["lightning_logs", "first", "second/experiment"].map(|name| folder.join(name));
    candidates.into_iter().filter(|logs| logs.is_dir()).collect()
}

/// Returns the last version in a folder of a logger.
fn last_version(logs: &Path) -> Option<PathBuf> {
    let version = |number: u64| logs.join(format!("version_{number}"));
    (0..).map(version).take_while(|version| version.is_dir()).last()
}

/// Returns the folder that checkpoints are written to, which is that of the first logger.
fn checkpoints(folder: &Path) -> Option<PathBuf> {
    logs(folder).first().and_then(|logs| last_version(logs)).map(|version| version.join("checkpoints"))
}

/// Whether a checkpoint is being written.
pub(crate) fn is_writing(folder: &Path) -> bool {
    names(folder).is_some_and(|names| names.iter().any(|name| name.ends_with(".tmp")))
}

/// The names of the files in the folder of checkpoints; `None` if there is no such folder.
fn names(folder: &Path) -> Option<BTreeSet<String>> {
    let entries = fs::read_dir(checkpoints(folder)?).ok()?;
    Some(entries.flatten().map(|entry| file_name(&entry.path())).collect())
}

/// Returns the files that must be equal, by relative path: those of the last version of each logger
/// and the others. A run that was killed before its first checkpoint leaves a separate version.
///
/// # Errors
/// If a file cannot be read, or an earlier version has a checkpoint from which none was resumed.
pub(crate) fn results(folder: &Path) -> io::Result<Files> {
    let mut found = Files::new();
    for (path, bytes) in files(folder)? {
        // Times are in them. `tensorboard.rs` compares the events.
        let is_event_file = path.file_name().is_some_and(|name| name.to_string_lossy().contains("tfevents"));
        if is_event_file || path.ends_with("report.html") {
            continue;
        }
        let Some(logs) = logs(folder).into_iter().find(|logs| folder.join(&path).starts_with(logs)) else {
            found.insert(path, bytes);
            continue;
        };
        let last = last_version(&logs).unwrap_or_default();
        if let Ok(name) = folder.join(&path).strip_prefix(&last) {
            found.insert(logs.strip_prefix(folder).unwrap_or(&logs).join("last").join(name), bytes);
        } else if path.extension().is_some_and(|extension| extension == "ckpt") {
            return Err(io::Error::other(format!("{} is of a version that was not resumed", path.display())));
        }
    }
    Ok(found)
}

/// Watches that a callback that has written a checkpoint has one from then on.
pub(crate) struct BestFiles {
    prefixes: &'static [&'static str],
    written: BTreeSet<&'static str>,
}

impl BestFiles {
    pub(crate) fn new(prefixes: &'static [&'static str]) -> Self {
        Self { prefixes, written: BTreeSet::new() }
    }

    /// Looks at the folder of a run, which may be in progress.
    ///
    /// # Errors
    /// If a callback has no checkpoint left.
    pub(crate) fn look(&mut self, folder: &Path) -> io::Result<()> {
        for prefix in self.prefixes {
            // A listing is not a moment: a file may appear behind it while another disappears
            // before it.
            let is_there = (0..5).any(|_| {
                names(folder)
                    .is_some_and(|names| names.iter().any(|name| name.starts_with(prefix) && name.ends_with(".ckpt")))
            });
            if is_there {
                self.written.insert(prefix);
            } else if self.written.contains(prefix) {
                return Err(io::Error::other(format!("no file `{prefix}*.ckpt` is left in {}", folder.display())));
            }
        }
        Ok(())
    }
}

/// Says how files differ; `None` if they do not.
pub(crate) fn difference(found: &Files, expected: &Files) -> Option<String> {
    let names = |files: &Files| files.keys().map(|path| path.display().to_string()).collect::<Vec<_>>();
    let (left, right) = (names(found), names(expected));
    if left != right {
        return Some(format!("the files must be\n  {}\nfound\n  {}", right.join("\n  "), left.join("\n  ")));
    }
    let differing: Vec<String> = expected
        .iter()
        .filter(|(name, bytes)| found.get(*name) != Some(bytes))
        .map(|(name, _)| format!("`{}`", name.display()))
        .collect();
    (!differing.is_empty()).then(|| format!("{} differ", differing.join(", ")))
}
