//! The trait of a logger.

use std::path::{Path, PathBuf};

use super::{Audio, Figure, Graph, Histogram, ImageView, LogPosition, Mesh, Record, Required, RunStatus, Table};
use crate::error::Result;

/// A destination for the metrics of a run.
///
/// A trainer calls [`start`](Logger::start), [`log_hyperparams`](Logger::log_hyperparams), any
/// number of `log_…` and [`save`](Logger::save), and [`finalize`](Logger::finalize) however the run
/// ends. It may repeat this: a `test` after a `fit` continues the same run.
///
/// Only [`log_metrics`](Logger::log_metrics) and [`name`](Logger::name) are required methods.
///
/// During a run, each logger is called on a thread of its own, in the order in which things are
/// logged; before a checkpoint is written, and at the end, the trainer waits for what was logged
/// before. An error or a panic of `start` ends the run before its first batch. A later one is a
/// warning, once for each message, unless the logger is [`required`](Logger::required).
///
/// ```
/// use lightning_core::{Result, loggers::{Logger, Record}};
///
/// /// Prints every record.
/// struct Printer;
///
/// impl Logger for Printer {
///     fn log_metrics(&mut self, record: &Record) -> Result<()> {
///         println!("{record:?}");
///         Ok(())
///     }
///
///     fn name(&self) -> &str {
///         "printer"
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a logger must implement `Logger`, found `{Self}`",
    label = "cannot receive the metrics of a run",
    note = "write `impl Logger for {Self}` with `log_metrics` and `name`"
)]
pub trait Logger: Send {
    /// Opens the run: creates its folder or connection. Does nothing if the run is already open.
    ///
    /// # Errors
    /// If the destination cannot be created.
    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    /// As [`start`](Logger::start), with the folder of the loggers before this one: a logger of
    /// files that would write beside it writes into it, so that all files of a run are in one
    /// folder.
    ///
    /// # Errors
    /// If the destination cannot be created.
    fn start_beside(&mut self, folder: Option<&Path>) -> Result<()> {
        let _ = folder;
        self.start()
    }

    /// Announces, before [`start`](Logger::start), that an earlier run continues.
    ///
    /// `version` is what [`version`](Logger::version) returned in that run. What it logged after
    /// its `batch_step`-th training batch will be logged again.
    ///
    /// # Errors
    /// If the logger cannot continue that version.
    fn resume(&mut self, version: &str, batch_step: u64) -> Result<()> {
        let _ = (version, batch_step);
        Ok(())
    }

    /// As [`resume`](Logger::resume), with the number of records that the earlier run had logged of
    /// that very batch: what it logged of the batch after these will be logged again.
    ///
    /// # Errors
    /// If the logger cannot continue that version.
    fn resume_at(&mut self, version: &str, batch_step: u64, records: u64) -> Result<()> {
        let _ = records;
        self.resume(version, batch_step)
    }

    /// Forgets the records after `batch_step` training batches and, of that batch, those after the
    /// first `records`: the run is rolled back to a checkpoint, and logs them again. Default: they
    /// stay.
    ///
    /// # Errors
    /// If the logger cannot remove them.
    fn rewind(&mut self, batch_step: u64, records: u64) -> Result<()> {
        let _ = (batch_step, records);
        Ok(())
    }

    /// Returns the versions and folders of the runs at this logger's destination, oldest first.
    ///
    /// A trainer looks there for the checkpoint that a run resumes from.
    ///
    /// # Errors
    /// If the folder cannot be read.
    fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        Ok(Vec::new())
    }

    /// Logs the hyperparameters of the run: usually an object, nested like the module's own.
    ///
    /// # Errors
    /// If they cannot be written.
    fn log_hyperparams(&mut self, hparams: &serde_json::Value) -> Result<()> {
        let _ = hparams;
        Ok(())
    }

    /// Logs one row of metrics.
    ///
    /// # Errors
    /// If it cannot be written.
    fn log_metrics(&mut self, record: &Record) -> Result<()>;

    /// Logs a text.
    ///
    /// # Errors
    /// If it cannot be written.
    fn log_text(&mut self, name: &str, text: &str, position: LogPosition) -> Result<()> {
        let _ = (name, text, position);
        Ok(())
    }

    /// Logs an image.
    ///
    /// # Errors
    /// If it cannot be written.
    fn log_image(&mut self, name: &str, image: &ImageView<'_>, position: LogPosition) -> Result<()> {
        let _ = (name, image, position);
        Ok(())
    }

    /// Logs a distribution of values.
    ///
    /// # Errors
    /// If it cannot be written.
    fn log_histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
        let _ = (name, histogram, position);
        Ok(())
    }

    /// Logs a figure.
    ///
    /// # Errors
    /// If it cannot be written.
    fn log_figure(&mut self, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<()> {
        let _ = (name, figure, position);
        Ok(())
    }

    /// Logs sound. Default: nothing.
    ///
    /// # Errors
    /// If it cannot be written.
    fn log_audio(&mut self, name: &str, audio: &Audio, position: LogPosition) -> Result<()> {
        let _ = (name, audio, position);
        Ok(())
    }

    /// Logs a three-dimensional shape. Default: nothing.
    ///
    /// # Errors
    /// If it cannot be written.
    fn log_mesh(&mut self, name: &str, mesh: &Mesh, position: LogPosition) -> Result<()> {
        let _ = (name, mesh, position);
        Ok(())
    }

    /// Logs a table. Default: a text in Markdown.
    ///
    /// # Errors
    /// If it cannot be written.
    fn log_table(&mut self, name: &str, table: &Table, position: LogPosition) -> Result<()> {
        self.log_text(name, &table.to_markdown(), position)
    }

    /// Logs a graph; a trainer logs the structure of the module when `fit` starts. Default: nothing.
    ///
    /// # Errors
    /// If it cannot be written.
    fn log_graph(&mut self, graph: &Graph, position: LogPosition) -> Result<()> {
        let _ = (graph, position);
        Ok(())
    }

    /// Keeps a file or a folder beside the run, under a name. Default: nothing.
    ///
    /// # Errors
    /// If it cannot be read or kept.
    fn log_artifact(&mut self, name: &str, path: &Path, position: LogPosition) -> Result<()> {
        let _ = (name, path, position);
        Ok(())
    }

    /// Announces a checkpoint that the trainer has written; it may be removed later. Default:
    /// nothing.
    ///
    /// # Errors
    /// If it cannot be kept.
    fn log_checkpoint(&mut self, path: &Path) -> Result<()> {
        let _ = path;
        Ok(())
    }

    /// Passes on what the trainer has printed: one or several lines. Default: nothing.
    ///
    /// # Errors
    /// If it cannot be written.
    fn log_console(&mut self, text: &str) -> Result<()> {
        let _ = text;
        Ok(())
    }

    /// Writes buffered data to the destination.
    ///
    /// # Errors
    /// If it cannot be written.
    fn save(&mut self) -> Result<()> {
        Ok(())
    }

    /// Closes the run. A later [`start`](Logger::start) opens the same run again.
    ///
    /// # Errors
    /// If buffered data cannot be written.
    fn finalize(&mut self, status: RunStatus) -> Result<()> {
        let _ = status;
        self.save()
    }

    /// Returns the name of the experiment, or of the logger if experiments have no names.
    fn name(&self) -> &str;

    /// Returns the version of the run within the experiment; empty as long as it is unknown.
    fn version(&self) -> &str {
        ""
    }

    /// Returns the folder that the run writes to, once started; `None` for a logger without files.
    fn log_dir(&self) -> Option<&Path> {
        None
    }

    /// Whether a failure of this logger ends the run. Default: no.
    fn is_required(&self) -> bool {
        false
    }

    /// Sets whether a failure of this logger ends the run: with `false`, the default, it is a
    /// warning.
    ///
    /// ```no_run
    /// # use lightning_core::prelude::*;
    /// use lightning_core::loggers::Logger as _;
    ///
    /// let logger = CsvLogger::new("lightning_logs").required(true);
    /// ```
    fn required(self, required: bool) -> Required<Self>
    where
        Self: Sized,
    {
        Required::new(self, required)
    }

    /// The name of the type, for messages.
    #[doc(hidden)]
    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    #[test]
    fn everything_but_metrics_and_name_has_a_default() {
        struct Least(Vec<Record>);
        impl Logger for Least {
            fn log_metrics(&mut self, record: &Record) -> Result<()> {
                self.0.push(record.clone());
                Ok(())
            }
            fn name(&self) -> &str {
                "least"
            }
        }
        let mut logger: Box<dyn Logger> = Box::new(Least(Vec::new()));
        let at = LogPosition::new(Stage::Fit, 0, None, 1, 1);
        assert!(logger.start().is_ok());
        assert!(logger.log_text("a", "b", at).is_ok());
        assert!(logger.log_figure("a", Figure::Svg("<svg/>"), at).is_ok());
        assert!(logger.log_histogram("a", &Histogram::of([1.0], 1), at).is_ok());
        assert!(logger.finalize(RunStatus::Interrupted).is_ok());
        assert_eq!(logger.version(), "");
        assert_eq!(RunStatus::Interrupted.to_string(), "interrupted");
    }
}
