//! The logger that keeps everything in memory, for tests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    Audio, Figure, Graph, Histogram, ImageView, LogPosition, Logger, Mesh, OwnedFigure, OwnedImage, Record, RunStatus,
    Table,
};
use crate::error::Result;

/// Keeps everything in memory, for tests.
///
/// A clone shares what the original logs: one goes into the trainer, and the test keeps the other.
///
/// ```
/// use lightning_core::{
///     Stage,
///     loggers::{Logger, MemoryLogger, Record},
/// };
///
/// # fn main() -> lightning_core::Result<()> {
/// let logger = MemoryLogger::new();
/// let mut inside = logger.clone();
/// let metrics = vec![("train_loss".to_owned(), 0.5)];
/// inside.log_metrics(&Record::new(Stage::Fit, 0, Some(0), 1, 1, metrics))?;
/// assert_eq!(logger.values("train_loss"), [0.5]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryLogger {
    shared: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    records: Vec<Record>,
    texts: Vec<(String, String, LogPosition)>,
    images: Vec<(String, OwnedImage, LogPosition)>,
    histograms: Vec<(String, Histogram, LogPosition)>,
    figures: Vec<(String, OwnedFigure, LogPosition)>,
    sounds: Vec<(String, Audio, LogPosition)>,
    meshes: Vec<(String, Mesh, LogPosition)>,
    tables: Vec<(String, Table, LogPosition)>,
    graph: Option<Graph>,
    hparams: Option<serde_json::Value>,
    statuses: Vec<RunStatus>,
    starts: usize,
    saves: usize,
}

impl MemoryLogger {
    /// Creates an empty logger.
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A poisoned lock is ignored: what was logged before a panic is what a test wants to see.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns all records, in order.
    pub fn records(&self) -> Vec<Record> {
        self.kept().records.clone()
    }

    /// Returns every value logged under a name, in order.
    pub fn values(&self, name: &str) -> Vec<f64> {
        self.kept().records.iter().filter_map(|record| record.value(name)).collect()
    }

    /// Returns names, texts and positions of all texts, in order.
    pub fn texts(&self) -> Vec<(String, String, LogPosition)> {
        self.kept().texts.clone()
    }

    /// Returns names, images and positions of all images, in order.
    pub fn images(&self) -> Vec<(String, OwnedImage, LogPosition)> {
        self.kept().images.clone()
    }

    /// Returns names, histograms and positions of all histograms, in order.
    pub fn histograms(&self) -> Vec<(String, Histogram, LogPosition)> {
        self.kept().histograms.clone()
    }

    /// Returns names, figures and positions of all figures, in order.
    pub fn figures(&self) -> Vec<(String, OwnedFigure, LogPosition)> {
        self.kept().figures.clone()
    }

    /// Returns names, sounds and positions of all sounds, in order.
    pub fn sounds(&self) -> Vec<(String, Audio, LogPosition)> {
        self.kept().sounds.clone()
    }

    /// Returns names, meshes and positions of all meshes, in order.
    pub fn meshes(&self) -> Vec<(String, Mesh, LogPosition)> {
        self.kept().meshes.clone()
    }

    /// Returns names, tables and positions of all tables, in order.
    pub fn tables(&self) -> Vec<(String, Table, LogPosition)> {
        self.kept().tables.clone()
    }

    /// Returns the graph logged last.
    pub fn graph(&self) -> Option<Graph> {
        self.kept().graph.clone()
    }

    /// Returns the hyperparameters logged last.
    pub fn hyperparams(&self) -> Option<serde_json::Value> {
        self.kept().hparams.clone()
    }

    /// Returns how each of the runs ended, in order.
    pub fn statuses(&self) -> Vec<RunStatus> {
        self.kept().statuses.clone()
    }

    /// Returns the number of calls of [`start`](Logger::start).
    pub fn starts(&self) -> usize {
        self.kept().starts
    }

    /// Returns the number of calls of [`save`](Logger::save).
    pub fn saves(&self) -> usize {
        self.kept().saves
    }

    /// Removes everything that was logged.
    pub fn clear(&self) {
        *self.kept() = Kept::default();
    }
}

impl Logger for MemoryLogger {
    fn start(&mut self) -> Result<()> {
        self.kept().starts += 1;
        Ok(())
    }

    fn log_hyperparams(&mut self, hparams: &serde_json::Value) -> Result<()> {
        self.kept().hparams = Some(hparams.clone());
        Ok(())
    }

    fn log_metrics(&mut self, record: &Record) -> Result<()> {
        self.kept().records.push(record.clone());
        Ok(())
    }

    fn log_text(&mut self, name: &str, text: &str, position: LogPosition) -> Result<()> {
        self.kept().texts.push((name.to_owned(), text.to_owned(), position));
        Ok(())
    }

    fn log_image(&mut self, name: &str, image: &ImageView<'_>, position: LogPosition) -> Result<()> {
        self.kept().images.push((name.to_owned(), image.into(), position));
        Ok(())
    }

    fn log_histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
        self.kept().histograms.push((name.to_owned(), histogram.clone(), position));
        Ok(())
    }

    fn log_figure(&mut self, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<()> {
        self.kept().figures.push((name.to_owned(), figure.into(), position));
        Ok(())
    }

    fn log_audio(&mut self, name: &str, audio: &Audio, position: LogPosition) -> Result<()> {
        self.kept().sounds.push((name.to_owned(), audio.clone(), position));
        Ok(())
    }

    fn log_mesh(&mut self, name: &str, mesh: &Mesh, position: LogPosition) -> Result<()> {
        self.kept().meshes.push((name.to_owned(), mesh.clone(), position));
        Ok(())
    }

    fn log_table(&mut self, name: &str, table: &Table, position: LogPosition) -> Result<()> {
        self.kept().tables.push((name.to_owned(), table.clone(), position));
        Ok(())
    }

    fn log_graph(&mut self, graph: &Graph, _position: LogPosition) -> Result<()> {
        self.kept().graph = Some(graph.clone());
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        self.kept().saves += 1;
        Ok(())
    }

    fn finalize(&mut self, status: RunStatus) -> Result<()> {
        self.kept().statuses.push(status);
        Ok(())
    }

    fn name(&self) -> &str {
        "memory"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    #[test]
    fn clones_share_what_is_logged() -> Result<()> {
        let logger = MemoryLogger::new();
        let mut inside: Box<dyn Logger> = Box::new(logger.clone());
        inside.start()?;
        inside.log_hyperparams(&serde_json::json!({"lr": 0.1}))?;
        for (batch, loss) in [0.5, 0.25].into_iter().enumerate() {
            let batch = batch as u64;
            let metrics = vec![("loss".to_owned(), loss)];
            inside.log_metrics(&Record::new(Stage::Fit, 0, Some(batch), batch + 1, batch + 1, metrics))?;
        }
        let at = LogPosition::new(Stage::Test, 1, None, 2, 2);
        inside.log_text("note", "hello", at)?;
        inside.log_image("pixel", &ImageView::new(1, 1, 1, &[7])?, at)?;
        inside.log_histogram("weights", &Histogram::of([1.0], 1), at)?;
        inside.log_figure("curve", Figure::Svg("<svg/>"), at)?;
        inside.save()?;
        inside.finalize(RunStatus::Failed)?;
        assert_eq!(logger.values("loss"), [0.5, 0.25]);
        assert_eq!(logger.records()[1].position.batch_step, 2);
        assert_eq!(logger.texts()[0].1, "hello");
        assert_eq!((logger.images()[0].1.pixels.clone(), logger.images()[0].2), (vec![7], at));
        assert_eq!(logger.histograms()[0].1.counts, [1]);
        assert_eq!(logger.figures()[0].1, OwnedFigure::Svg("<svg/>".to_owned()));
        assert_eq!(logger.hyperparams(), Some(serde_json::json!({"lr": 0.1})));
        assert_eq!(logger.statuses(), [RunStatus::Failed]);
        assert_eq!((logger.starts(), logger.saves()), (1, 1));
        logger.clear();
        assert!(logger.records().is_empty());
        Ok(())
    }
}
