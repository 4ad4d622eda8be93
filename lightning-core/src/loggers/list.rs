//! All loggers of a trainer, called as one.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    error::{Error, Result},
    loggers::{LogPosition, Logger, Output, Record, RunStatus},
};

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
            let runs = logger.earlier_runs()?;
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
        self.all.iter_mut().try_for_each(|logger| logger.resume_at(version, batch_step, records))
    }

    /// Counts from a checkpoint's number of records on.
    pub(crate) fn count_from(&mut self, batch_step: u64, records: u64) {
        self.last = (batch_step, records);
    }

    pub(crate) fn start(&mut self, hparams: &Value) -> Result<()> {
        for logger in &mut self.all {
            logger.start()?;
            logger.log_hyperparams(hparams)?;
        }
        Ok(())
    }

    pub(crate) fn log(&mut self, record: &Record) -> Result<()> {
        let step = record.position.batch_step;
        self.last = (step, self.records_at(step) + 1);
        self.all.iter_mut().try_for_each(|logger| logger.log_metrics(record))
    }

    pub(crate) fn show(&mut self, output: Output, position: LogPosition) -> Result<()> {
        output.show(&mut self.all, position)
    }

    pub(crate) fn save(&mut self) -> Result<()> {
        self.all.iter_mut().try_for_each(|logger| logger.save())
    }

    /// Closes every logger, and gives back the first error.
    pub(crate) fn finalize(&mut self, status: RunStatus) -> Result<()> {
        let mut first: Option<Error> = None;
        for logger in &mut self.all {
            if let Err(error) = logger.finalize(status) {
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// The folder of the first logger that has one, otherwise `root`.
    pub(crate) fn dir_or(&self, root: &Path) -> PathBuf {
        self.dir().unwrap_or(root).to_path_buf()
    }

    pub(crate) fn dir(&self) -> Option<&Path> {
        self.all.iter().find_map(|logger| logger.log_dir())
    }
}
