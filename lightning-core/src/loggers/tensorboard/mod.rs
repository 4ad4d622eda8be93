//! The logger that writes event files for TensorBoard.

mod event;
mod file;
mod frames;
mod graph;
mod hparams;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use self::{
    event::{At, Dtype},
    file::EventFile,
};
use super::{
    Audio, Figure, Graph, Histogram, ImageView, LogPosition, Logger, Mesh, Record, RunStatus, Table, attachments,
    figure::png_size,
    protobuf::Message,
    versions::{self, Opened, Version},
};
use crate::{
    error::{Error, Result},
    os::time::now,
};

/// Writes everything that is logged to `<folder>[/<name>]/version_N/events.out.tfevents.*`, which
/// TensorBoard shows: `tensorboard --logdir lightning_logs`.
///
/// | logged | page |
/// |---|---|
/// | metrics | Time Series, Scalars; the horizontal axis is `global_step`. `epoch` and `batch_step` are curves too |
/// | hyperparameters | HParams, where runs are compared by [`hp_metric`](Self::hp_metric) |
/// | images, PNG figures | Images |
/// | histograms | Histograms, Distributions |
/// | texts, tables | Text |
/// | audio | Audio |
/// | the structure of the module | Graphs |
/// | meshes | Mesh |
///
/// Figures in SVG and HTML, which TensorBoard cannot show, become files in `figures/` of the run's
/// folder, and a text with their path. Values are single precision there, as in all event files;
/// NaN and infinite ones are kept. `metrics.csv` has the exact numbers.
///
/// `N` is one more than the highest present. Beside a `CsvLogger` of the same folder and name both
/// write to the same `version_N`. A resumed run continues the curves of the earlier one: what that
/// run logged after the checkpoint is removed, so that each step is in the file once.
///
/// ```no_run
/// # use burn::{nn::*, optim::AdamConfig, prelude::*};
/// # use lightning_core::prelude::*;
/// # #[lightning_module]
/// # #[optimizer(AdamConfig::new(), lr = 1e-3)]
/// # struct Net {
/// #     #[init(LinearConfig::new(2, 1).init(device))]
/// #     layer: Linear,
/// # }
/// # #[lightning_module]
/// # impl Net {
/// #     fn training_step(&self, x: Tensor<2>) -> Tensor<1> {
/// #         self.layer.forward(x).mean()
/// #     }
/// # }
/// use lightning_core::loggers::TensorBoardLogger;
///
/// let trainer = Net::trainer()
///     .logger(CsvLogger::new("lightning_logs"))
///     .logger(TensorBoardLogger::new("lightning_logs").hp_metric("val_acc"))
///     .build()?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Debug)]
pub struct TensorBoardLogger {
    folder: PathBuf,
    name: String,
    version: Version,
    flush_every: Duration,
    hp_metric: Option<String>,
    /// The last value of `hp_metric`.
    best: Option<f64>,
    /// Hyperparameters that wait for the names of the metrics of an epoch.
    hparams: Vec<(String, serde_json::Value)>,
    /// Set by `resume_at`: the events after it are removed when the folder is opened.
    kept: Option<(u64, u64)>,
    run: Option<Run>,
    opened: Option<Opened>,
    /// Where something was logged last.
    last: Option<LogPosition>,
}

/// The folder and the file of a run.
#[derive(Debug)]
struct Run {
    folder: PathBuf,
    file: EventFile,
}

/// The name under which the last value of the metric of the page "HParams" is logged.
const HP_METRIC: &str = "hp_metric";

impl TensorBoardLogger {
    /// Creates a logger that writes its runs below `folder`, usually `"lightning_logs"`. Nothing is
    /// written before the run starts.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            name: String::new(),
            version: Version::Next,
            flush_every: Duration::from_secs(10),
            hp_metric: None,
            best: None,
            hparams: Vec::new(),
            kept: None,
            run: None,
            opened: None,
            last: None,
        }
    }

    /// Sets the name of the experiment: a folder between the root and the versions. Default: none.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the folder of this run, instead of `version_N`. The event files of an earlier run in
    /// that folder are kept, and TensorBoard shows both as one.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Version::Given(version.into());
        self
    }

    /// Sets how long events are buffered at most while others follow. Default: 10 s.
    ///
    /// A trainer also writes them after every epoch and before every checkpoint.
    #[must_use]
    pub fn flush_every(mut self, interval: Duration) -> Self {
        self.flush_every = interval;
        self
    }

    /// Sets the metric by which the page "HParams" compares runs: its last value. Default: all
    /// metrics of the first epoch that is logged, usually those of validation.
    #[must_use]
    pub fn hp_metric(mut self, metric: impl Into<String>) -> Self {
        self.hp_metric = Some(metric.into());
        self
    }

    fn open(&mut self, beside: Option<&Path>) -> Result<()> {
        if self.opened.is_some() {
            return Ok(());
        }
        versions::check_inside("TensorBoardLogger", "name", &self.name)?;
        let parent = self.folder.join(&self.name);
        let is_shared = self.version.share(&parent, beside);
        if self.run.is_none() {
            let folder = self.version.create("TensorBoardLogger", &parent)?;
            let file = EventFile::new(&folder, self.flush_every);
            self.run = Some(Run { folder, file });
        }
        let Some(run) = &mut self.run else { return Ok(()) };
        self.opened = Some(if is_shared { Opened::Shared } else { Opened::lock(&run.folder)? });
        if let Some((batch_step, records)) = self.kept.take() {
            let next = file::cut(&run.folder, batch_step, records)?;
            run.file.push(event::session_start(now(), next))?;
        }
        Ok(())
    }

    fn run(&mut self) -> Result<&mut Run> {
        self.open(None)?;
        // `open` has created it.
        self.run.as_mut().ok_or_else(|| Error::msg("the run of a `TensorBoardLogger` is not open"))
    }

    /// Writes the hyperparameters that wait.
    fn push_hparams(&mut self, metrics: &[String]) -> Result<()> {
        let hparams = std::mem::take(&mut self.hparams);
        if hparams.is_empty() {
            return Ok(());
        }
        let position = self.last.unwrap_or(LogPosition::new(crate::Stage::Fit, 0, None, 0, 0));
        self.push(position, hparams::start(&hparams, metrics, now()))
    }

    fn push(&mut self, position: LogPosition, values: impl IntoIterator<Item = Message>) -> Result<()> {
        self.last = Some(position);
        let event = event::summary(At { time: now(), position }, values, false);
        self.run()?.file.push(event)
    }
}

impl Logger for TensorBoardLogger {
    fn start(&mut self) -> Result<()> {
        self.start_beside(None)
    }

    fn start_beside(&mut self, folder: Option<&Path>) -> Result<()> {
        self.open(folder)
    }

    fn resume(&mut self, version: &str, batch_step: u64) -> Result<()> {
        self.resume_at(version, batch_step, u64::MAX)
    }

    fn resume_at(&mut self, version: &str, batch_step: u64, records: u64) -> Result<()> {
        // An open run continues anyway.
        if self.run.is_none() && self.version.resume(version) {
            self.kept = Some((batch_step, records));
        }
        Ok(())
    }

    fn rewind(&mut self, batch_step: u64, records: u64) -> Result<()> {
        let flush_every = self.flush_every;
        let Some(run) = &mut self.run else { return Ok(()) };
        run.file.flush()?;
        let next = file::cut(&run.folder, batch_step, records)?;
        run.file = EventFile::new(&run.folder, flush_every);
        run.file.push(event::session_start(now(), next))
    }

    fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        self.version.earlier_runs(&self.folder.join(&self.name))
    }

    fn log_hyperparams(&mut self, hparams: &serde_json::Value) -> Result<()> {
        self.hparams = hparams::flattened(hparams);
        match self.hp_metric.clone() {
            Some(metric) => self.push_hparams(&[metric]),
            None => Ok(()),
        }
    }

    fn log_metrics(&mut self, record: &Record) -> Result<()> {
        let position = record.position;
        if position.batch.is_none() && !self.hparams.is_empty() {
            let metrics: Vec<_> = record.metrics.iter().map(|(name, _)| name.clone()).collect();
            self.push_hparams(&metrics)?;
        }
        let is_new = self.last.is_none_or(|last| last.global_step != position.global_step);
        self.last = Some(position);
        if let Some(value) = self.hp_metric.as_deref().and_then(|metric| record.value(metric)) {
            self.best = Some(value);
        }
        // Once a step: validation and training log at the same one.
        let axes = [("epoch", position.epoch), ("batch_step", position.batch_step)];
        let axes = axes.into_iter().filter(|_| is_new).map(|(name, value)| event::scalar(name, value as f64));
        let values = record.metrics.iter().map(|(name, value)| event::scalar(name, *value));
        let event = event::summary(At { time: now(), position }, values.chain(axes), true);
        self.run()?.file.push(event)
    }

    fn log_text(&mut self, name: &str, text: &str, position: LogPosition) -> Result<()> {
        let tag = format!("{name}/text_summary");
        self.push(position, [event::tensor(&tag, "text", Message::new(), event::tensor_of_text(text))])
    }

    fn log_table(&mut self, name: &str, table: &Table, position: LogPosition) -> Result<()> {
        self.log_text(name, &table.to_markdown(), position)
    }

    fn log_image(&mut self, name: &str, image: &ImageView<'_>, position: LogPosition) -> Result<()> {
        let png = image.to_png()?;
        self.push(position, [image_value(name, image.width, image.height, image.channels, &png)])
    }

    fn log_histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
        self.push(position, [histogram_value(name, histogram)])
    }

    fn log_figure(&mut self, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<()> {
        let Figure::Png(png) = figure else {
            let run = self.run()?;
            let path = attachments::write_figure(&run.folder, name, figure, position)?;
            let shown = path.strip_prefix(&run.folder).unwrap_or(&path).display().to_string();
            return self.log_text(name, &format!("`{shown}`"), position);
        };
        let [width, height] = png_size(png)
            .ok_or_else(|| Error::data(format!("the figure `{name}` must be a PNG file, found other bytes")))?;
        self.push(position, [image_value(name, width, height, 4, png)])
    }

    fn log_audio(&mut self, name: &str, audio: &Audio, position: LogPosition) -> Result<()> {
        let frames = audio.samples.len() / audio.channels.max(1);
        let encoded = Message::new()
            .float(1, audio.sample_rate as f32)
            .int(2, audio.channels as u64)
            .int(3, frames as u64)
            .bytes(4, audio.to_wav()?)
            .bytes(5, "audio/wav");
        self.push(position, [Message::new().bytes(1, name).message(6, encoded)])
    }

    fn log_mesh(&mut self, name: &str, mesh: &Mesh, position: LogPosition) -> Result<()> {
        mesh.check()?;
        self.push(position, mesh_values(name, mesh))
    }

    fn log_graph(&mut self, graph: &Graph, position: LogPosition) -> Result<()> {
        let event = event::graph(At { time: now(), position }, graph::definition(graph));
        self.run()?.file.push(event)
    }

    fn save(&mut self) -> Result<()> {
        self.run.as_mut().map_or(Ok(()), |run| run.file.flush())
    }

    fn finalize(&mut self, status: RunStatus) -> Result<()> {
        self.push_hparams(&[])?;
        let ended = match (&mut self.run, self.last) {
            (Some(run), Some(position)) => {
                let best = self.best.map(|best| event::scalar(HP_METRIC, best));
                let is_own = self.hp_metric.as_deref() == Some(HP_METRIC);
                let values = best.filter(|_| !is_own).into_iter().chain([hparams::end(status, now())]);
                let event = event::summary(At { time: now(), position }, values, false);
                run.file.push(event).and_then(|()| run.file.flush())
            }
            _ => self.save(),
        };
        self.opened = None;
        ended
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        self.version.text()
    }

    fn log_dir(&self) -> Option<&Path> {
        self.run.as_ref().map(|run| &*run.folder)
    }
}

impl Drop for TensorBoardLogger {
    fn drop(&mut self) {
        // Without `finalize` the program is unwinding or returning an error, and this is the last
        // chance to write the events; a second error has no receiver.
        if self.opened.is_some() {
            let _ = self.finalize(RunStatus::Failed);
        }
    }
}

fn image_value(tag: &str, width: usize, height: usize, channels: usize, png: &[u8]) -> Message {
    let image = Message::new().int(1, height as u64).int(2, width as u64).int(3, channels as u64).bytes(4, png);
    Message::new().bytes(1, tag).message(4, image)
}

fn histogram_value(tag: &str, histogram: &Histogram) -> Message {
    let Histogram { edges, counts, sum, sum_of_squares, .. } = histogram;
    let count: u64 = counts.iter().sum();
    let (first, last) = (edges.first().copied().unwrap_or_default(), edges.last().copied().unwrap_or_default());
    let histogram = Message::new()
        .double(1, first)
        .double(2, last)
        .double(3, count as f64)
        .double(4, *sum)
        .double(5, *sum_of_squares)
        .doubles(6, edges.iter().skip(1).copied())
        .doubles(7, counts.iter().map(|count| *count as f64));
    Message::new().bytes(1, tag).message(5, histogram)
}

/// The tensors of a mesh. Each names all that there are, as a set of bits.
fn mesh_values(name: &str, mesh: &Mesh) -> Vec<Message> {
    const VERTEX: u64 = 1;
    const FACE: u64 = 2;
    const COLOR: u64 = 3;
    let vertices: Vec<u8> = mesh.vertices.iter().flatten().flat_map(|part| part.to_le_bytes()).collect();
    let faces: Vec<u8> = mesh.faces.iter().flatten().flat_map(|part| part.to_le_bytes()).collect();
    let colors: Vec<u8> = mesh.colors.iter().flatten().copied().collect();
    let parts = [
        ("VERTEX", VERTEX, Dtype::Float, mesh.vertices.len(), vertices),
        ("FACE", FACE, Dtype::Int32, mesh.faces.len(), faces),
        ("COLOR", COLOR, Dtype::Uint8, mesh.colors.len(), colors),
    ];
    let components = parts.iter().filter(|(.., len, _)| *len > 0).map(|(_, kind, ..)| 1 << kind).sum();
    let values = parts.into_iter().filter(|(.., len, _)| *len > 0).map(|(suffix, kind, dtype, len, bytes)| {
        let shape = [1, len, 3];
        let content = Message::new()
            .bytes(2, name)
            .int(3, kind)
            .bytes(5, "{}")
            .ints(6, shape.map(|size| size as u64))
            .int(7, components);
        event::tensor(&format!("{name}_{suffix}"), "mesh", content, event::tensor_of(dtype, &shape, &bytes))
    });
    values.collect()
}
