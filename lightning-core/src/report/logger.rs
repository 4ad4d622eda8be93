//! The half of a report that the loggers' calls reach.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{collected::Collected, graph};
use crate::{
    error::Result,
    loggers::{Figure, Graph, Histogram, ImageView, LogPosition, Logger, Record, RunStatus, Table},
};

/// What is collected of a run, shared by the logger and the engine.
pub(super) type Shared = Arc<Mutex<Collected>>;

/// Locks what is collected. After a panic it is whole: every change is one assignment or push.
pub(super) fn lock(shared: &Shared) -> MutexGuard<'_, Collected> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes the page. The lock is free meanwhile, so that training does not wait for the disk.
pub(super) fn write(shared: &Shared) {
    let page = lock(shared).page();
    if let Some(Err(error)) = page.map(|page| page.write()) {
        lock(shared).failed(&error);
    }
}

/// Collects what is logged, and writes the page when it is due. It never fails.
#[derive(Debug)]
pub(crate) struct ReportLogger {
    pub(super) shared: Shared,
}

impl ReportLogger {
    fn write_if_due(&self) {
        if lock(&self.shared).is_due() {
            write(&self.shared);
        }
    }
}

impl Logger for ReportLogger {
    fn resume_at(&mut self, _version: &str, batch_step: u64, records: u64) -> Result<()> {
        lock(&self.shared).resume = Some((batch_step, records));
        Ok(())
    }

    fn rewind(&mut self, batch_step: u64, records: u64) -> Result<()> {
        lock(&self.shared).forget_after(batch_step, records);
        Ok(())
    }

    fn log_hyperparams(&mut self, hparams: &serde_json::Value) -> Result<()> {
        lock(&self.shared).hparams = hparams.clone();
        Ok(())
    }

    fn log_metrics(&mut self, record: &Record) -> Result<()> {
        lock(&self.shared).curves.record(record);
        self.write_if_due();
        Ok(())
    }

    fn log_image(&mut self, name: &str, image: &ImageView<'_>, position: LogPosition) -> Result<()> {
        lock(&self.shared).images.image(name, image, position);
        Ok(())
    }

    fn log_figure(&mut self, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<()> {
        lock(&self.shared).images.figure(name, figure, position);
        Ok(())
    }

    fn log_text(&mut self, name: &str, text: &str, position: LogPosition) -> Result<()> {
        lock(&self.shared).outputs.text(name, text, position);
        Ok(())
    }

    fn log_table(&mut self, name: &str, table: &Table, position: LogPosition) -> Result<()> {
        lock(&self.shared).outputs.table(name, table, position);
        Ok(())
    }

    fn log_histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
        lock(&self.shared).outputs.histogram(name, histogram, position);
        Ok(())
    }

    fn log_graph(&mut self, graph: &Graph, _position: LogPosition) -> Result<()> {
        lock(&self.shared).graph = graph::to_json(graph);
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        self.write_if_due();
        Ok(())
    }

    fn finalize(&mut self, _status: RunStatus) -> Result<()> {
        write(&self.shared);
        Ok(())
    }

    fn name(&self) -> &'static str {
        "report"
    }
}
