//! Which checkpoint a run resumes from.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::reader::{Checkpoint, pointer_target};
use crate::error::{Error, ErrorKind, Result};

/// Where a run goes on.
///
/// The run resumes at the very batch where the checkpoint was taken, in the same `version_N` of its logger, and ends with the
/// weights of a run that was never interrupted, bit by bit. The program's own settings and hyperparameters hold; where they
/// differ from the stored ones, the report says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resume {
    /// From the start.
    #[default]
    Never,
    /// From the last checkpoint; it is an error when there is none.
    Last,
    /// From the last checkpoint, or from the start when there is none: for programs that are started again until they finish.
    LastOrStart,
    /// From the best checkpoint of the last run.
    Best,
    /// From this file.
    Path(PathBuf),
}

impl<P: Into<PathBuf>> From<P> for Resume {
    fn from(path: P) -> Self {
        Self::Path(path.into())
    }
}

/// A folder that may have checkpoints, and the version of the logger it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SearchFolder {
    pub(crate) folder: PathBuf,
    /// The later, the newer; folders of no version are looked at together with the newest that has checkpoints.
    pub(crate) version: Option<usize>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) checkpoint: Checkpoint,
    /// Files that were passed over because they are damaged, and what is wrong with them.
    pub(crate) damaged: Vec<String>,
}

/// A file that may be the last.
#[derive(Debug)]
struct Candidate {
    path: PathBuf,
    batch_step: u64,
    written: SystemTime,
}

/// The last checkpoint of a run below these places; `None` when there is none.
///
/// # Errors
/// When a folder cannot be read, or all that is there is damaged.
pub(crate) fn last(folders: &[SearchFolder]) -> Result<Option<Found>> {
    let mut damaged = Vec::new();
    let mut newest = Vec::new();
    for SearchFolder { folder, .. } in folders.iter().filter(|place| place.version.is_none()) {
        newest.extend(ordered(folder, &mut damaged)?);
    }
    let mut versions: Vec<&SearchFolder> = folders.iter().filter(|place| place.version.is_some()).collect();
    versions.sort_by_key(|place| std::cmp::Reverse(place.version));
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

/// Opens the last of the candidates that is whole. The candidates of each folder come in order, and the folder written to
/// last comes first.
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
    let mut text = "every checkpoint that was found is damaged:".to_owned();
    for what in damaged {
        text.push_str(&format!("\n  - {what}"));
    }
    Err(Error::new(ErrorKind::Checkpoint, text).help("restore one from a copy, or start anew with `Resume::Never`"))
}

/// The checkpoints of a folder that a run can resume from, the last first.
///
/// Later in the run is later. A pointer overrules that: what was written before it and is not what it points to has been
/// left behind by a run that went back to an earlier checkpoint.
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
            // Weights alone are nothing to resume from.
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

/// The files of a folder that are further in the run than `batch_step`: a run that goes on from there leaves them behind.
pub(crate) fn later_than(folder: &Path, batch_step: u64) -> Vec<PathBuf> {
    let mut ignored = Vec::new();
    let candidates = ordered(folder, &mut ignored).unwrap_or_default();
    candidates
        .into_iter()
        .filter(|candidate| candidate.batch_step > batch_step)
        .map(|candidate| candidate.path)
        .collect()
}
