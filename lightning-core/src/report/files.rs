//! The checkpoints of a run, as a page lists them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::{Value, json};

use crate::{
    checkpoint::{BestCheckpoint, Checkpoint, find::is_same, reader},
    params::state::{f64_from_json, f64_to_json},
};

/// The largest number of files of a list: those that were written last.
const MOST_FILES: usize = 30;

/// The checkpoints of a run.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Where they may be.
    pub(super) folders: Vec<PathBuf>,
    pub(super) best: Option<BestCheckpoint>,
    /// Those that have been looked into, by path, time and size.
    known: BTreeMap<(PathBuf, SystemTime, u64), Option<File>>,
}

#[derive(Clone, Debug)]
struct File {
    module: String,
    seed: u64,
    epoch: u64,
    global_step: u64,
    metrics: BTreeMap<String, Value>,
}

impl Files {
    /// The files of a module and seed as JSON: name, size in bytes, place in the run, and the value
    /// of the metric by which the best one is chosen.
    pub(super) fn describe(&mut self, module: &str, seed: u64) -> Value {
        let monitor = self.best.as_ref().and_then(BestCheckpoint::metric).map(str::to_owned);
        let mut found: Vec<(PathBuf, SystemTime, u64)> =
            self.folders.iter().flat_map(|folder| checkpoints(folder)).collect();
        found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
        found.dedup();
        let left_out = found.len().saturating_sub(MOST_FILES);
        found.truncate(MOST_FILES);
        let mut known = std::mem::take(&mut self.known);
        for key in found {
            let file = known.remove(&key).unwrap_or_else(|| look(&key.0));
            self.known.insert(key, file);
        }
        let is_best = |path: &Path| self.best.as_ref().is_some_and(|best| is_same(&best.path, path));
        let row = |((path, _, size), file): (&(PathBuf, SystemTime, u64), &Option<File>)| {
            let File { epoch, global_step, metrics, .. } =
                file.as_ref().filter(|file| file.module == module && file.seed == seed)?;
            let value = monitor.as_ref().and_then(|name| f64_from_json(metrics.get(name)?)).map(f64_to_json);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let best = is_best(path);
            Some(
                json!({"name": name, "bytes": size, "epoch": epoch, "global_step": global_step, "value": value, "best": best}),
            )
        };
        let rows: Vec<Value> = self.known.iter().filter_map(row).collect();
        json!({"files": rows, "monitor": monitor, "left_out": left_out})
    }
}

/// The checkpoint files of a folder with times and sizes; none if it cannot be read.
fn checkpoints(folder: &Path) -> Vec<(PathBuf, SystemTime, u64)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let file = |entry: fs::DirEntry| {
        let path = entry.path();
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let is_checkpoint = path.extension().is_some_and(|extension| extension == "ckpt");
        Some((path, metadata.modified().ok()?, metadata.len())).filter(|_| is_checkpoint)
    };
    entries.filter_map(file).collect()
}

/// What a page says of a file; `None` if it is a pointer or not a checkpoint.
fn look(path: &Path) -> Option<File> {
    if reader::pointer_target(path).ok()?.is_some() {
        return None;
    }
    let metadata = Checkpoint::look(path).ok()?.metadata;
    let (module, seed, epoch, global_step) = (metadata.module, metadata.seed, metadata.epoch, metadata.global_step);
    Some(File { module, seed, epoch, global_step, metrics: metadata.metrics })
}
