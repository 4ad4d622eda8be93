//! A logger whose failures end the run, or do not.

use std::path::{Path, PathBuf};

use super::{Audio, Figure, Graph, Histogram, ImageView, LogPosition, Logger, Mesh, Record, RunStatus, Table};
use crate::error::Result;

/// A logger whose failures end the run, or do not: the result of [`Logger::required`].
#[derive(Debug)]
pub struct Required<L> {
    logger: L,
    is_required: bool,
}

impl<L> Required<L> {
    pub(super) const fn new(logger: L, is_required: bool) -> Self {
        Self { logger, is_required }
    }
}

impl<L: Logger> Logger for Required<L> {
    fn start(&mut self) -> Result<()> {
        self.logger.start()
    }

    fn start_beside(&mut self, folder: Option<&Path>) -> Result<()> {
        self.logger.start_beside(folder)
    }

    fn resume(&mut self, version: &str, batch_step: u64) -> Result<()> {
        self.logger.resume(version, batch_step)
    }

    fn resume_at(&mut self, version: &str, batch_step: u64, records: u64) -> Result<()> {
        self.logger.resume_at(version, batch_step, records)
    }

    fn rewind(&mut self, batch_step: u64, records: u64) -> Result<()> {
        self.logger.rewind(batch_step, records)
    }

    fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        self.logger.earlier_runs()
    }

    fn log_hyperparams(&mut self, hparams: &serde_json::Value) -> Result<()> {
        self.logger.log_hyperparams(hparams)
    }

    fn log_metrics(&mut self, record: &Record) -> Result<()> {
        self.logger.log_metrics(record)
    }

    fn log_text(&mut self, name: &str, text: &str, position: LogPosition) -> Result<()> {
        self.logger.log_text(name, text, position)
    }

    fn log_image(&mut self, name: &str, image: &ImageView<'_>, position: LogPosition) -> Result<()> {
        self.logger.log_image(name, image, position)
    }

    fn log_histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
        self.logger.log_histogram(name, histogram, position)
    }

    fn log_figure(&mut self, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<()> {
        self.logger.log_figure(name, figure, position)
    }

    fn log_audio(&mut self, name: &str, audio: &Audio, position: LogPosition) -> Result<()> {
        self.logger.log_audio(name, audio, position)
    }

    fn log_mesh(&mut self, name: &str, mesh: &Mesh, position: LogPosition) -> Result<()> {
        self.logger.log_mesh(name, mesh, position)
    }

    fn log_table(&mut self, name: &str, table: &Table, position: LogPosition) -> Result<()> {
        self.logger.log_table(name, table, position)
    }

    fn log_graph(&mut self, graph: &Graph, position: LogPosition) -> Result<()> {
        self.logger.log_graph(graph, position)
    }

    fn log_artifact(&mut self, name: &str, path: &Path, position: LogPosition) -> Result<()> {
        self.logger.log_artifact(name, path, position)
    }

    fn log_checkpoint(&mut self, path: &Path) -> Result<()> {
        self.logger.log_checkpoint(path)
    }

    fn log_console(&mut self, text: &str) -> Result<()> {
        self.logger.log_console(text)
    }

    fn save(&mut self) -> Result<()> {
        self.logger.save()
    }

    fn finalize(&mut self, status: RunStatus) -> Result<()> {
        self.logger.finalize(status)
    }

    fn name(&self) -> &str {
        self.logger.name()
    }

    fn version(&self) -> &str {
        self.logger.version()
    }

    fn log_dir(&self) -> Option<&Path> {
        self.logger.log_dir()
    }

    fn is_required(&self) -> bool {
        self.is_required
    }

    fn type_name(&self) -> &'static str {
        self.logger.type_name()
    }
}
