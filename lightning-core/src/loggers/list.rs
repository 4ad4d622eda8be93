//! All loggers of a trainer, called as one.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    error::{Error, Result},
    loggers::{LogPosition, Logger, Output, Record, RunStatus},
    os::panics::catch_in,
};

/// Calls a method of a logger. An error says which.
pub(super) fn call<T>(method: &str, body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_in(|| format!("a logger's {method}"), body)
}

/// All loggers of a trainer, called as one.
#[derive(Default)]
pub(crate) struct Loggers {
    all: Vec<Box<dyn Logger>>,
    /// The last batch that was logged, and how many records it had.
    last: (u64, u64),
}

impl std::fmt::Debug for Loggers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all.iter().map(|logger| logger.name().to_owned())).finish()
    }
}

impl Loggers {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn new(all: Vec<Box<dyn Logger>>) -> Self {
        Self { all, last: (0, 0) }
    }

    /// How many records were logged after this many training batches.
    pub(crate) fn records_at(&self, batch_step: u64) -> u64 {
        if self.last.0 == batch_step { self.last.1 } else { 0 }
    }

    /// The runs that the first logger with a folder has written before, the oldest first: their
    /// versions and folders.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub(crate) fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        for logger in &self.all {
            let runs = call("earlier_runs", || logger.earlier_runs())?;
            if !runs.is_empty() {
                return Ok(runs);
            }
        }
        Ok(Vec::new())
    }

    /// Goes on with a version where a checkpoint ends.
    ///
    /// # Errors
    /// When a logger cannot take it up.
    pub(crate) fn resume(&mut self, version: &str, batch_step: u64, records: u64) -> Result<()> {
        self.all.iter_mut().try_for_each(|logger| call("resume_at", || logger.resume_at(version, batch_step, records)))
    }

    /// Forgets what was logged after a checkpoint.
    ///
    /// # Errors
    /// When a logger cannot forget it.
    pub(crate) fn rewind(&mut self, batch_step: u64, records: u64) -> Result<()> {
        self.all.iter_mut().try_for_each(|logger| logger.rewind(batch_step, records))
    }

    /// Counts from a checkpoint's number of records on.
    pub(crate) fn count_from(&mut self, batch_step: u64, records: u64) {
        self.last = (batch_step, records);
    }

    pub(crate) fn start(&mut self, hparams: &Value) -> Result<()> {
        for logger in &mut self.all {
            call("start", || logger.start())?;
            call("log_hyperparams", || logger.log_hyperparams(hparams))?;
        }
        Ok(())
    }

    pub(crate) fn log(&mut self, record: &Record) -> Result<()> {
        let step = record.position.batch_step;
        self.last = (step, self.records_at(step) + 1);
        self.all.iter_mut().try_for_each(|logger| call("log_metrics", || logger.log_metrics(record)))
    }

    pub(crate) fn show(&mut self, output: Output, position: LogPosition) -> Result<()> {
        output.show(&mut self.all, position)
    }

    /// Has every logger save, and returns the first error.
    pub(crate) fn save(&mut self) -> Result<()> {
        self.each("save", |logger| logger.save())
    }

    /// Closes every logger, and returns the first error.
    pub(crate) fn finalize(&mut self, status: RunStatus) -> Result<()> {
        self.each("finalize", |logger| logger.finalize(status))
    }

    /// Calls a method of every logger, also after one has failed, and returns the first error.
    fn each(&mut self, method: &str, mut body: impl FnMut(&mut dyn Logger) -> Result<()>) -> Result<()> {
        let mut first: Option<Error> = None;
        for logger in &mut self.all {
            if let Err(error) = call(method, || body(&mut **logger)) {
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// The folder of the first logger that has one, otherwise `root`. For user code, whose panics
    /// are caught where it is called.
    pub(crate) fn dir_or(&self, root: &Path) -> PathBuf {
        self.all.iter().find_map(|logger| logger.log_dir()).unwrap_or(root).to_path_buf()
    }

    /// The folder of the first logger that has one.
    ///
    /// # Errors
    /// If a logger panics.
    pub(crate) fn dir(&self) -> Result<Option<&Path>> {
        call("log_dir", || Ok(self.all.iter().find_map(|logger| logger.log_dir())))
    }
}
