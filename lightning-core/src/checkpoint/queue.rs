//! The checkpoints that have been requested and those that are being written.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::checkpoint::writer::{SaveRequest, Writer};

/// What has been asked for, and what is being written.
#[derive(Debug, Default)]
pub(crate) struct CheckpointQueue {
    pub(crate) requests: Vec<SaveRequest>,
    pub(crate) writer: Writer,
    /// The checkpoint of the last SIGUSR1, which the next one replaces.
    pub(crate) on_signal: Option<PathBuf>,
    /// Folders in which the leftovers of killed processes have been looked for.
    pub(crate) swept: BTreeSet<PathBuf>,
    /// Files outside of the run's folder that it has been told of.
    pub(crate) told: BTreeSet<PathBuf>,
}

impl CheckpointQueue {
    /// Whether the file is about to be written.
    pub(crate) fn has_asked_for(&self, path: &Path) -> bool {
        self.requests.iter().any(|request| request.path == path)
    }

    /// Whether the file is being written right now.
    pub(crate) fn is_writing(&self, path: &Path) -> bool {
        self.writer.paths().iter().any(|writing| writing == path)
    }
}
