//! The logger that writes `metrics.csv`, `hparams.json` and `hparams.yaml`.

mod budget;
mod columns;
mod kept;
mod late_rows;
mod lines;
mod metrics_file;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use self::{kept::Kept, metrics_file::MetricsFile};
use super::{
    Audio, Figure, Histogram, ImageView, LogPosition, Logger, Mesh, Record, RunStatus, Table, attachments,
    versions::{self, Opened, Version},
};
use crate::{error::Result, os::files::write_atomic};

/// Buffered rows are written at this size, whatever the interval.
const BUFFER: usize = 64 * 1024;

/// Writes metrics to `<folder>[/<name>]/version_N/metrics.csv`, and hyperparameters to
/// `hparams.json` and `hparams.yaml` in the same folder.
///
/// `N` is one more than the highest present; two processes that start at the same time get two
/// folders.
///
/// The columns of `metrics.csv` are `epoch`, `stage`, `batch`, `batch_step`, `global_step`, and
/// every metric in the order of its first appearance. A metric that appears late adds its column to
/// the existing rows. Numbers are the shortest text that reads back exactly; `NaN`, `inf` and
/// `-inf` are written as such. A metric with the name of one of the first five columns is written
/// as `metric_epoch` and so on.
///
/// `metrics.csv` has the same columns in every row, also after a kill. If metrics appear late,
/// and rewriting the file for each would take long, rows wait in `metrics.late.jsonl`, one
/// JSON object on each line; the end of the run, or the run that resumes it, adds them to
/// `metrics.csv` and removes that file.
///
/// A file gets at most 4,096 columns after its first row. Other new metrics are left out of it,
/// with one warning.
///
/// One run at a time writes to a folder: a second one is an error that names the process. The lock
/// is the file `.lightning-run.lock`, which locks nothing once its process has ended.
///
/// Other outputs of a step become files: `texts/<name>/validate-epoch=3-step=400.txt`,
/// `images/….png`, `histograms/….json`, `figures/….svg`, `audio/….wav`, `meshes/….obj` and
/// `tables/….csv`, where `step` counts training batches. A
/// `/` in the name creates a folder. Other characters that not every file system has are written as
/// `%3A` and so on, and a long name is cut and ends in a number of its own, so that different names
/// have different files.
///
/// ```
/// use lightning_core::{
///     Stage,
///     loggers::{CsvLogger, Logger, Record, RunStatus},
/// };
///
/// # fn main() -> lightning_core::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let mut logger = CsvLogger::new(folder).name("digits");
/// logger.start()?;
/// let metrics = vec![("train_loss".to_owned(), 0.5)];
/// logger.log_metrics(&Record::new(Stage::Fit, 0, Some(0), 1, 1, metrics))?;
/// logger.finalize(RunStatus::Success)?;
/// let text = std::fs::read_to_string(folder.join("digits/version_0/metrics.csv"))?;
/// assert_eq!(text, "epoch,stage,batch,batch_step,global_step,train_loss\n0,fit,0,1,1,0.5\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CsvLogger {
    folder: PathBuf,
    name: String,
    version: Version,
    flush_every: u64,
    /// Set by `resume_at`: the other rows are removed when the file is opened.
    kept: Option<Kept>,
    file: Option<MetricsFile>,
    /// From the start to the end of a run.
    opened: Option<Opened>,
    /// Whether another logger of the trainer has the same folder.
    is_shared: bool,
}

impl CsvLogger {
    /// Creates a logger that writes its runs below `folder`, usually `"lightning_logs"`. Nothing is
    /// written before the run starts.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            name: String::new(),
            version: Version::Next,
            flush_every: 100,
            kept: None,
            file: None,
            opened: None,
            is_shared: false,
        }
    }

    /// Sets the name of the experiment: a folder between the root and the versions. Default: none.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the folder of this run, instead of `version_N`.
    ///
    /// The rows of an earlier run in that folder are kept: they move to `metrics.0.csv`, or the
    /// next free number.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Version::Given(version.into());
        self
    }

    /// Writes buffered rows to disk every `steps` training batches. Default: 100.
    ///
    /// A trainer also writes them after every epoch. With a smaller number, less is lost if the
    /// process is killed.
    #[must_use]
    pub fn flush_every_n_steps(mut self, steps: u64) -> Self {
        self.flush_every = steps.max(1);
        self
    }

    fn open(&mut self) -> Result<&mut MetricsFile> {
        let file = match self.file.take() {
            Some(file) if self.opened.is_some() => file,
            Some(file) => {
                let file = self.file.insert(file);
                let opened = if self.is_shared { Opened::Shared } else { Opened::lock(&file.folder)? };
                file.reopen()?;
                self.opened = Some(opened);
                return Ok(file);
            }
            None => self.open_folder()?,
        };
        Ok(self.file.insert(file))
    }

    fn open_folder(&mut self) -> Result<MetricsFile> {
        versions::check_inside("CsvLogger", "name", &self.name)?;
        let parent = self.folder.join(&self.name);
        let is_new = matches!(self.version, Version::Next);
        let folder = self.version.create("CsvLogger", &parent)?;
        let opened = if self.is_shared { Opened::Shared } else { Opened::lock(&folder)? };
        let mut file = MetricsFile::new(folder);
        match (self.kept, &self.version) {
            _ if is_new => {}
            (Some(kept), _) => file.resume(kept)?,
            // A version that this logger chose is continued; one that the program chose may contain
            // the rows of another run.
            (None, Version::Known(_)) => file.resume(Kept::ALL)?,
            (None, _) => file.set_aside()?,
        }
        self.kept = None;
        self.opened = Some(opened);
        Ok(file)
    }
}

impl Logger for CsvLogger {
    fn start(&mut self) -> Result<()> {
        self.start_beside(None)
    }

    fn start_beside(&mut self, folder: Option<&Path>) -> Result<()> {
        self.is_shared = self.version.share(&self.folder.join(&self.name), folder);
        self.open().map(drop)
    }

    fn resume(&mut self, version: &str, batch_step: u64) -> Result<()> {
        self.resume_at(version, batch_step, u64::MAX)
    }

    fn resume_at(&mut self, version: &str, batch_step: u64, records: u64) -> Result<()> {
        // An open run continues anyway.
        if self.file.is_none() && self.version.resume(version) {
            self.kept = Some(Kept { batch_step, records });
        }
        Ok(())
    }

    fn rewind(&mut self, batch_step: u64, records: u64) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.flush()?;
        file.flushed_at = batch_step;
        file.resume(Kept { batch_step, records })
    }

    fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        self.version.earlier_runs(&self.folder.join(&self.name))
    }

    fn log_hyperparams(&mut self, hparams: &serde_json::Value) -> Result<()> {
        if hparams.is_null() {
            return Ok(());
        }
        let folder = &self.open()?.folder;
        write_atomic(folder.join("hparams.json"), |writer| {
            serde_json::to_writer_pretty(&mut *writer, hparams)?;
            writer.write_all(b"\n")
        })?;
        let yaml = serde_saphyr::to_string(hparams);
        write_atomic(folder.join("hparams.yaml"), |writer| writer.write_all(yaml.map_err(io::Error::other)?.as_bytes()))
    }

    fn log_metrics(&mut self, record: &Record) -> Result<()> {
        let flush_every = self.flush_every;
        let file = self.open()?;
        file.push(record)?;
        let step = record.position.batch_step;
        // A counter that decreased belongs to another run, so its distance counts in either
        // direction.
        if file.buffer.len() >= BUFFER || step.abs_diff(file.flushed_at) >= flush_every {
            file.flushed_at = step;
            file.flush()?;
        }
        Ok(())
    }

    fn log_text(&mut self, name: &str, text: &str, position: LogPosition) -> Result<()> {
        attachments::write_text(&self.open()?.folder, name, text, position).map(drop)
    }

    fn log_image(&mut self, name: &str, image: &ImageView<'_>, position: LogPosition) -> Result<()> {
        attachments::write_image(&self.open()?.folder, name, image, position).map(drop)
    }

    fn log_histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
        attachments::write_histogram(&self.open()?.folder, name, histogram, position).map(drop)
    }

    fn log_figure(&mut self, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<()> {
        attachments::write_figure(&self.open()?.folder, name, figure, position).map(drop)
    }

    fn log_audio(&mut self, name: &str, audio: &Audio, position: LogPosition) -> Result<()> {
        attachments::write_audio(&self.open()?.folder, name, audio, position).map(drop)
    }

    fn log_mesh(&mut self, name: &str, mesh: &Mesh, position: LogPosition) -> Result<()> {
        attachments::write_mesh(&self.open()?.folder, name, mesh, position).map(drop)
    }

    fn log_table(&mut self, name: &str, table: &Table, position: LogPosition) -> Result<()> {
        attachments::write_table(&self.open()?.folder, name, table, position).map(drop)
    }

    fn save(&mut self) -> Result<()> {
        self.file.as_mut().map_or(Ok(()), MetricsFile::flush)
    }

    fn finalize(&mut self, _status: RunStatus) -> Result<()> {
        let closed = self.file.as_mut().map_or(Ok(()), MetricsFile::close);
        self.opened = None;
        closed
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        self.version.text()
    }

    fn log_dir(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| &*file.folder)
    }
}

impl Drop for CsvLogger {
    fn drop(&mut self) {
        // After `finalize` nothing is buffered. Without it the program is unwinding or returning an
        // error, and this is the last chance to write the rows; a second error has no receiver.
        if self.opened.is_some() {
            let _ = self.finalize(RunStatus::Failed);
        }
    }
}
