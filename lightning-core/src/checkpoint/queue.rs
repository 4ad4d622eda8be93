//! Checkpoints that are requested or being written.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::checkpoint::writer::{SaveRequest, Writer};

/// Checkpoints that are requested or being written.
#[derive(Debug, Default)]
pub(crate) struct CheckpointQueue {
    pub(crate) requests: Vec<SaveRequest>,
    pub(crate) writer: Writer,
    /// The checkpoint of the last SIGUSR1, which the next one replaces.
    pub(crate) on_signal: Option<PathBuf>,
    /// Folders in which temporary files of killed processes have been searched for.
    pub(crate) swept: BTreeSet<PathBuf>,
    /// Checkpoints outside the folder of the run that are in its list of checkpoints.
    pub(crate) listed: BTreeSet<PathBuf>,
}

impl CheckpointQueue {
    /// Returns whether the file is requested.
    pub(crate) fn has_asked_for(&self, path: &Path) -> bool {
        self.requests.iter().any(|request| request.path == path)
    }

    /// Returns whether the file is being written.
    pub(crate) fn is_writing(&self, path: &Path) -> bool {
        self.writer.paths().iter().any(|writing| writing == path)
    }
}
