//! Finds the checkpoint that a run resumes from.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::reader::{Checkpoint, pointer_target};
use crate::error::{Error, ErrorKind, Result};

/// The checkpoint that a run resumes from.
///
/// The run resumes at the batch where the checkpoint was taken, in the same `version_N` of its
/// logger, and ends with the same weights, bit by bit, as a run without interruption. The program's
/// own settings and hyperparameters apply; the report lists where they differ from the stored ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resume {
    /// Starts from the beginning.
    #[default]
    Never,
    /// Resumes from the last checkpoint. It is an error if there is none.
    Last,
    /// Resumes from the last checkpoint, or starts from the beginning if there is none: for
    /// programs that are restarted until they finish.
    LastOrStart,
    /// Resumes from the best checkpoint of the last run.
    Best,
    /// Resumes from this file.
    Path(PathBuf),
}

impl<P: Into<PathBuf>> From<P> for Resume {
    fn from(path: P) -> Self {
        Self::Path(path.into())
    }
}

/// A folder that may contain checkpoints, and the logger version that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SearchFolder {
    pub(crate) folder: PathBuf,
    /// A larger version is newer. Folders without a version are searched together with the newest
    /// version that has checkpoints.
    pub(crate) version: Option<usize>,
}

/// The checkpoint that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) checkpoint: Checkpoint,
    /// Newer files that are damaged, each as an error message.
    pub(crate) damaged: Vec<String>,
}

/// A file that may be the last checkpoint.
#[derive(Debug)]
struct Candidate {
    path: PathBuf,
    batch_step: u64,
    written: SystemTime,
}

/// Returns the last checkpoint in `folders`; `None` if there is none.
///
/// # Errors
/// If a folder cannot be read, or every checkpoint is damaged.
pub(crate) fn last(folders: &[SearchFolder]) -> Result<Option<Found>> {
    let mut damaged = Vec::new();
    let mut newest = Vec::new();
    for SearchFolder { folder, .. } in folders.iter().filter(|searched| searched.version.is_none()) {
        newest.extend(ordered(folder, &mut damaged)?);
    }
    let mut versions: Vec<&SearchFolder> = folders.iter().filter(|searched| searched.version.is_some()).collect();
    versions.sort_by_key(|searched| std::cmp::Reverse(searched.version));
    for of_version in versions.chunk_by(|a, b| a.version == b.version) {
        let found = newest.len();
        for SearchFolder { folder, .. } in of_version {
            newest.extend(ordered(folder, &mut damaged)?);
        }
        if newest.len() > found {
            break;
        }
    }
    choose(newest, damaged)
}

/// Opens the last candidate that is not damaged. The candidates of a folder are in order; the
/// folder that was written to last is tried first.
fn choose(candidates: Vec<Candidate>, mut damaged: Vec<String>) -> Result<Option<Found>> {
    let mut folders: Vec<(SystemTime, Vec<Candidate>)> = Vec::new();
    for candidate in candidates {
        let same = |known: &&mut (SystemTime, Vec<Candidate>)| {
            known.1.first().is_some_and(|first| first.path.parent() == candidate.path.parent())
        };
        match folders.iter_mut().find(same) {
            Some((_, known)) => known.push(candidate),
            None => folders.push((candidate.written, vec![candidate])),
        }
    }
    folders.sort_by(|(a, left), (b, right)| {
        let steps = |of: &[Candidate]| of.first().map(|first| first.batch_step);
        b.cmp(a).then_with(|| steps(right).cmp(&steps(left)))
    });
    for candidate in folders.into_iter().flat_map(|(_, candidates)| candidates) {
        match Checkpoint::open(&candidate.path) {
            Ok(checkpoint) => return Ok(Some(Found { checkpoint, damaged })),
            Err(error) => damaged.push(error.to_string()),
        }
    }
    if damaged.is_empty() {
        return Ok(None);
    }
    let mut text = "every checkpoint is damaged:".to_owned();
    for what in damaged {
        text.push_str(&format!("\n  - {what}"));
    }
    Err(Error::new(ErrorKind::Checkpoint, text)
        .help("restore one from a backup, or write `Resume::Never` to start from the beginning"))
}

/// Returns the checkpoints of a folder that a run can resume from, the last first.
///
/// The last checkpoint is the one with the most training batches, unless a pointer names another:
/// files with more batches that were written before the pointer come from a run that was resumed
/// from an earlier checkpoint.
fn ordered(folder: &Path, damaged: &mut Vec<String>) -> Result<Vec<Candidate>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Error::io("read the folder", folder, error)),
    };
    let mut candidates = Vec::new();
    let mut pointers: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("read the folder", folder, error))?;
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "ckpt") {
            continue;
        }
        let Ok(metadata) = fs::metadata(&path) else { continue };
        let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if let Ok(Some(target)) = pointer_target(&path) {
            pointers.push((written, target));
            continue;
        }
        match Checkpoint::look(&path) {
            // A run cannot resume from weights alone.
            Ok(Checkpoint { metadata, .. }) if metadata.run.is_none() => {}
            Ok(Checkpoint { metadata, .. }) => {
                candidates.push(Candidate { path, batch_step: metadata.batch_step, written });
            }
            Err(error) => damaged.push(error.to_string()),
        }
    }
    candidates
        .sort_by(|a, b| b.batch_step.cmp(&a.batch_step).then(b.written.cmp(&a.written)).then(b.path.cmp(&a.path)));
    if let Some((pointed, target)) = pointers.into_iter().max_by(|a, b| a.0.cmp(&b.0))
        && let Some(at) = candidates.iter().position(|candidate| candidate.path == target)
    {
        let is_current = |candidate: &Candidate| candidate.written >= pointed;
        let steps = candidates.get(at).map_or(0, |candidate| candidate.batch_step);
        candidates.sort_by_key(|candidate| match () {
            () if candidate.batch_step > steps && is_current(candidate) => 0,
            () if candidate.path == target => 1,
            () => 2,
        });
    }
    Ok(candidates)
}

/// Returns the files of a folder with more training batches than `batch_step`: a run that resumes
/// from there no longer uses them.
pub(crate) fn later_than(folder: &Path, batch_step: u64) -> Vec<PathBuf> {
    let mut ignored = Vec::new();
    let candidates = ordered(folder, &mut ignored).unwrap_or_default();
    candidates
        .into_iter()
        .filter(|candidate| candidate.batch_step > batch_step)
        .map(|candidate| candidate.path)
        .collect()
}
