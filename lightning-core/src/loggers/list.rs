//! All loggers of a trainer, called as one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

use super::{
    LogPosition, Logger, Output, Record, RunStatus,
    thread::{Threaded, call},
};
use crate::error::Result;

/// All loggers of a trainer, called as one.
#[derive(Default)]
pub(crate) struct Loggers {
    all: Vec<Threaded>,
    /// The last batch that was logged, and how many records it had.
    last: (u64, u64),
    /// Failures that did not end the run.
    warnings: Vec<String>,
    /// The folder of a run whose loggers are in another process.
    folder: Option<PathBuf>,
}

impl std::fmt::Debug for Loggers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all.iter().map(Threaded::name)).finish()
    }
}

impl Loggers {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn new(all: Vec<Box<dyn Logger>>) -> Self {
        Self { all: all.into_iter().map(Threaded::new).collect(), ..Self::default() }
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
    pub(crate) fn earlier_runs(&mut self) -> Result<Vec<(String, PathBuf)>> {
        for logger in &mut self.all {
            let runs = logger.earlier_runs()?;
            if !runs.is_empty() {
                return Ok(runs);
            }
        }
        Ok(Vec::new())
    }

    /// Continues a version where a checkpoint ends.
    ///
    /// # Errors
    /// When a logger cannot continue it.
    pub(crate) fn resume(&mut self, version: &str, batch_step: u64, records: u64) -> Result<()> {
        self.all.iter_mut().try_for_each(|logger| logger.resume(version, batch_step, records))
    }

    /// Removes what was logged after a checkpoint.
    ///
    /// # Errors
    /// When a logger cannot remove it.
    pub(crate) fn rewind(&mut self, batch_step: u64, records: u64) -> Result<()> {
        self.all.iter_mut().try_for_each(|logger| logger.rewind(batch_step, records))
    }

    /// Counts from a checkpoint's number of records on.
    pub(crate) fn count_from(&mut self, batch_step: u64, records: u64) {
        self.last = (batch_step, records);
    }

    /// Opens the run, and starts the threads of the loggers.
    ///
    /// # Errors
    /// When a logger cannot open it.
    pub(crate) fn start(&mut self, hparams: &Value) -> Result<()> {
        let mut folder = None;
        for logger in &mut self.all {
            logger.start(folder.as_deref(), hparams)?;
            folder = folder.or_else(|| logger.dir().map(Path::to_path_buf));
        }
        Ok(())
    }

    /// Passes a record to the loggers, which write it on their threads.
    ///
    /// # Errors
    /// If a required logger has failed since the last call.
    pub(crate) fn log(&mut self, record: Record) -> Result<()> {
        let step = record.position.batch_step;
        self.last = (step, self.records_at(step) + 1);
        let bytes = record.metrics.iter().map(|(name, _)| name.len() + size_of::<(String, f64)>()).sum();
        let record = Arc::new(record);
        for logger in &mut self.all {
            let record = record.clone();
            logger.send(bytes, move |logger| call("log_metrics", || logger.log_metrics(&record)));
        }
        self.failures()
    }

    /// Passes an image, a text and so on to the loggers.
    ///
    /// # Errors
    /// If it could not be converted, or if a required logger has failed since the last call.
    pub(crate) fn show(&mut self, output: Output, position: LogPosition) -> Result<()> {
        let content = Arc::new(output.into_content()?);
        for logger in &mut self.all {
            let content = content.clone();
            logger.send(content.bytes(), move |logger| content.show(logger, position));
        }
        self.failures()
    }

    /// Passes what the trainer has printed to the loggers.
    pub(crate) fn console(&mut self, text: String) {
        let text: Arc<str> = text.into();
        for logger in &mut self.all {
            let text = text.clone();
            logger.send(text.len(), move |logger| call("log_console", || logger.log_console(&text)));
        }
    }

    /// Announces a checkpoint that is written to the loggers.
    pub(crate) fn checkpoint(&mut self, path: &Path) {
        let path: Arc<Path> = path.into();
        for logger in &mut self.all {
            let path = path.clone();
            logger.send(0, move |logger| call("log_checkpoint", || logger.log_checkpoint(&path)));
        }
    }

    /// Has every logger write what it has received.
    ///
    /// # Errors
    /// If a required logger fails.
    pub(crate) fn save(&mut self) -> Result<()> {
        self.all.iter_mut().for_each(Threaded::save);
        self.failures()
    }

    /// Closes every logger.
    ///
    /// # Errors
    /// If a required logger fails.
    pub(crate) fn finalize(&mut self, status: RunStatus) -> Result<()> {
        self.all.iter_mut().for_each(|logger| logger.finalize(status));
        self.failures()
    }

    fn failures(&mut self) -> Result<()> {
        let mut result = Ok(());
        for logger in &mut self.all {
            let failures = logger.failures(&mut self.warnings);
            result = result.and(failures);
        }
        result
    }

    /// Returns the failures that did not end the run, each once.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// The folder of the first logger that has one, otherwise `root`. For user code, whose panics
    /// are caught where it is called.
    pub(crate) fn dir_or(&self, root: &Path) -> PathBuf {
        self.all.iter().find_map(Threaded::dir).or(self.folder.as_deref()).unwrap_or(root).to_path_buf()
    }

    /// The folder of the first logger that has one.
    ///
    /// # Errors
    /// If a logger panics.
    pub(crate) fn dir(&self) -> Result<Option<&Path>> {
        call("log_dir", || Ok(self.all.iter().find_map(Threaded::dir).or(self.folder.as_deref())))
    }

    /// Sets the folder of a run whose loggers are in another process.
    pub(crate) fn set_folder(&mut self, folder: PathBuf) {
        self.folder = Some(folder);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Receiver, channel},
        time::{Duration, Instant},
    };

    use super::*;
    use crate::{loggers::MemoryLogger, stage::Stage};

    /// Does not return from `log_metrics` while the sender lives.
    struct Hanging(Receiver<()>, MemoryLogger);

    impl Logger for Hanging {
        fn log_metrics(&mut self, record: &Record) -> Result<()> {
            let _ = self.0.recv();
            self.1.log_metrics(record)
        }
        fn name(&self) -> &str {
            "hanging"
        }
    }

    fn record(step: u64) -> Record {
        Record::new(Stage::Fit, 0, Some(step), step, step, vec![("loss".to_owned(), 0.5)])
    }

    /// It costs a wait for an answer and one for the full queue, in all and not each time.
    #[test]
    fn a_logger_that_hangs_costs_one_wait_and_the_others_go_on() -> Result<()> {
        let (_alive, receiver) = channel();
        let memory = MemoryLogger::new();
        let hanging = Hanging(receiver, MemoryLogger::new());
        let mut loggers = Loggers::new(vec![Box::new(hanging), Box::new(memory.clone())]);
        let started = Instant::now();
        loggers.start(&Value::Null)?;
        let mut warnings = Vec::new();
        for step in 1..=6000 {
            loggers.log(record(step))?;
            if step % 10 == 0 {
                loggers.save()?;
            }
            warnings.append(&mut loggers.take_warnings());
        }
        loggers.finalize(RunStatus::Success)?;
        warnings.append(&mut loggers.take_warnings());
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        assert_eq!(memory.values("loss").len(), 6000);
        let [text] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert!(text.contains("the logger `Hanging` does not answer") && text.contains("run continues"), "{text}");
        Ok(())
    }

    /// As a network drive that comes back.
    #[test]
    fn a_logger_that_goes_on_is_waited_for_again() -> Result<()> {
        let (alive, receiver) = channel::<()>();
        let memory = MemoryLogger::new();
        let mut loggers = Loggers::new(vec![Box::new(Hanging(receiver, memory.clone()))]);
        loggers.start(&Value::Null)?;
        loggers.log(record(1))?;
        loggers.save()?;
        assert_eq!((memory.values("loss").len(), loggers.take_warnings().len()), (0, 1));
        drop(alive);
        while memory.values("loss").is_empty() {
            std::thread::yield_now();
        }
        (2..=1000).try_for_each(|step| loggers.log(record(step)))?;
        loggers.finalize(RunStatus::Success)?;
        assert_eq!((memory.values("loss").len(), loggers.take_warnings().len()), (1000, 0));
        Ok(())
    }
}
