//! Checkpoints that are requested or being written.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{
    checkpoint::writer::{Job, SaveRequest, Writer},
    console::output::Console,
    error::Result,
};

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
    /// Checkpoints that are written, and not announced to the loggers yet.
    pub(crate) written: Vec<PathBuf>,
}

impl CheckpointQueue {
    /// Starts a job after waiting for the previous one.
    ///
    /// # Errors
    /// Those of the previous job; the new one is then not started.
    pub(crate) fn submit(&mut self, job: Job, console: &mut Console) -> Result<()> {
        self.finish(console)?;
        self.writer.submit(job)
    }

    /// Prints what has been written, and checks the result of the last job if it has ended.
    ///
    /// # Errors
    /// Those of the job.
    pub(crate) fn poll(&mut self, console: &mut Console) -> Result<()> {
        let result = self.writer.poll();
        self.announce(console);
        self.written.append(&mut self.writer.take_written());
        result
    }

    /// Waits for the last job, and prints what has been written.
    ///
    /// # Errors
    /// Those of the job.
    pub(crate) fn finish(&mut self, console: &mut Console) -> Result<()> {
        let result = self.writer.finish();
        self.announce(console);
        self.written.append(&mut self.writer.take_written());
        result
    }

    fn announce(&mut self, console: &mut Console) {
        for text in self.writer.take_announced() {
            console.print(&text);
        }
    }

    /// Returns whether the file is requested.
    pub(crate) fn has_asked_for(&self, path: &Path) -> bool {
        self.requests.iter().any(|request| request.path == path)
    }

    /// Returns whether the file is being written.
    pub(crate) fn is_writing(&self, path: &Path) -> bool {
        self.writer.paths().iter().any(|writing| writing == path)
    }
}
