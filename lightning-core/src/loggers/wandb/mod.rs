//! The logger that writes the files of Weights & Biases.

mod builder;
mod digests;
mod media;
mod open_run;
mod records;
mod stats;
mod tailer;
#[cfg(test)]
mod tests;
mod transaction_log;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;

use self::{
    media::Kind,
    open_run::{OpenRun, earlier},
    tailer::Tailer,
};
use super::{
    Audio, Figure, Histogram, ImageView, LogPosition, Logger, Mesh, Record, RunStatus, Table, figure::png_size,
    versions::Opened,
};
use crate::{
    error::{Error, ErrorKind, Result},
    os::files::write_atomic,
};

/// Writes everything that is logged to a file of [Weights & Biases](https://wandb.ai), which its own
/// client sends: later, with `wandb sync`, or while the run goes on, with [`online`](Self::online).
///
/// The file is `wandb/offline-run-<time>-<id>/run-<id>.wandb`, in the folder of the run if a logger
/// before this one has a folder, and otherwise in the working folder. Nothing here uses a network,
/// an account or Python: `wandb leet <folder>` shows the run in a terminal, and
/// `wandb sync <folder>` sends it, both with the client of `pip install wandb`.
///
/// | logged | in W&B |
/// |---|---|
/// | metrics | history and summary; the x axis is `trainer/global_step`, `epoch` and `batch_step` are curves too |
/// | hyperparameters | config |
/// | images, PNG figures | images |
/// | other figures | HTML |
/// | histograms, tables, audio, meshes | the same; a text is a table of one cell |
/// | `log_artifact` | an artifact of the type `file` |
/// | checkpoints, with [`log_model`](Self::log_model) | versions of the artifact `model-<id>` |
/// | [`DeviceStatsMonitor`](crate::callbacks::DeviceStatsMonitor) | system metrics |
/// | what the trainer prints | logs |
///
/// NaN and infinite values are kept. A resumed run continues the file and keeps its id: what the
/// earlier run logged after the checkpoint is removed, and sending the file again replaces the rows
/// of the earlier run. The file says how the run ended, also after an error, a panic or a signal; a
/// process that was killed leaves a file without an end, which can be sent and resumed.
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
/// use lightning_core::loggers::WandbLogger;
///
/// let trainer = Net::trainer()
///     .logger(CsvLogger::new("lightning_logs"))
///     .logger(WandbLogger::new("digits").group("small").tags(["adam"]))
///     .build()?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Debug)]
pub struct WandbLogger {
    about: records::Run,
    folder: Option<PathBuf>,
    flush_every: Duration,
    is_online: bool,
    client: PathBuf,
    logs_model: bool,
    /// Set by `resume_at`: the version, and the last batch and the number of its rows to keep.
    resumed: Option<(String, u64, u64)>,
    run: Option<OpenRun>,
    opened: Option<Opened>,
    tailer: Option<Tailer>,
    /// The checkpoints that were written.
    checkpoints: Vec<PathBuf>,
    /// A failure that the next call reports, after its work.
    pending: Option<Error>,
}

/// The file in the folder of other loggers that names the run of this one.
const ID_FILE: &str = "wandb-run-id.txt";

impl WandbLogger {
    /// Creates a logger whose runs belong to `project`. Nothing is written before the run starts.
    pub fn new(project: impl Into<String>) -> Self {
        Self {
            about: records::Run { project: project.into(), ..records::Run::default() },
            folder: None,
            flush_every: Duration::from_secs(5),
            is_online: false,
            client: "wandb".into(),
            logs_model: false,
            resumed: None,
            run: None,
            opened: None,
            tailer: None,
            checkpoints: Vec::new(),
            pending: None,
        }
    }

    fn root(&self, beside: Option<&Path>) -> PathBuf {
        self.folder.as_deref().or(beside).unwrap_or(Path::new(".")).join("wandb")
    }

    fn open(&mut self, beside: Option<&Path>) -> Result<()> {
        if self.opened.is_some() {
            return Ok(());
        }
        let root = self.root(beside);
        match &mut self.run {
            // A `test` after a `fit` continues the run.
            Some(run) => run.reopen(u64::MAX, u64::MAX)?,
            None => {
                let found = self.find_resumed(&root, beside)?;
                let (run, id) = match found {
                    Some((id, folder, batch_step, records)) => {
                        (OpenRun::resume(&folder, &id, self.flush_every, (batch_step, records))?, id)
                    }
                    None => {
                        let id = if self.about.id.is_empty() { open_run::random_id(8) } else { self.about.id.clone() };
                        check_id(&id)?;
                        self.about.id.clone_from(&id);
                        (OpenRun::create(&root, &self.about, self.flush_every)?, id)
                    }
                };
                self.about.id = id;
                self.run = Some(run);
            }
        }
        let Some(run) = &mut self.run else { return Ok(()) };
        self.opened = Some(Opened::lock(run.folder())?);
        if let Some(beside) = beside {
            write_atomic(beside.join(ID_FILE), |file| std::io::Write::write_all(file, self.about.id.as_bytes()))?;
        }
        let is_offline = std::env::var("WANDB_MODE").is_ok_and(|mode| mode == "offline" || mode == "disabled");
        if self.is_online && !is_offline {
            run.flush()?;
            let (file, logs) = (run.file().to_path_buf(), run.folder().join("logs"));
            match Tailer::start(&self.client, &file, &logs) {
                Ok(tailer) => self.tailer = Some(tailer),
                Err(error) => self.pending = Some(error),
            }
        }
        Ok(())
    }

    /// The id and folder of the run that continues, and where.
    fn find_resumed(&mut self, root: &Path, beside: Option<&Path>) -> Result<Option<(String, PathBuf, u64, u64)>> {
        let Some((version, batch_step, records)) = self.resumed.take() else { return Ok(None) };
        let id = match beside {
            Some(beside) => fs::read_to_string(beside.join(ID_FILE)).unwrap_or_default(),
            None => version,
        };
        let is_other = !self.about.id.is_empty() && self.about.id != id;
        let found = earlier(root)?.into_iter().rev().find(|(known, _)| *known == id && !is_other);
        Ok(found.map(|(id, folder)| (id, folder, batch_step, records)))
    }

    fn run(&mut self) -> Result<&mut OpenRun> {
        self.open(None)?;
        // `open` has created it.
        self.run.as_mut().ok_or_else(|| Error::msg("the run of a `WandbLogger` is not open"))
    }

    /// Adds a row with one value that is more than a number.
    fn show(&mut self, name: &str, value: &serde_json::Value, position: LogPosition) -> Result<()> {
        self.run()?.row(vec![(name.to_owned(), value.to_string())], position, false)
    }

    /// Adds a row that refers to a file.
    fn show_file(&mut self, name: &str, kind: Kind, bytes: &[u8], position: LogPosition) -> Result<()> {
        let media = self.run()?.write_media(name, kind, bytes)?;
        self.show(name, &media, position)
    }

    fn report_pending(&mut self) -> Result<()> {
        if let Some(what) = self.tailer.as_mut().and_then(Tailer::failure)
            && let Some(run) = &self.run
        {
            let file = run.file().display();
            let text = format!("the client `{}` that sends the run {what}", self.client.display());
            let help = format!("the run is kept: correct the cause, and send it with `wandb sync {file}`");
            return Err(Error::new(ErrorKind::Io, text).help(help));
        }
        self.pending.take().map_or(Ok(()), Err)
    }

    /// Adds the checkpoints that are still there.
    fn keep_model(&mut self) -> Result<()> {
        let mut paths = std::mem::take(&mut self.checkpoints);
        paths.retain(|path| path.is_file());
        let name = format!("model-{}", self.about.id);
        let about = self.about.clone();
        let Some(run) = self.run.as_mut().filter(|_| self.logs_model) else { return Ok(()) };
        let last = paths.len();
        let mut kept = Ok(());
        for (at, path) in paths.iter().enumerate() {
            let stem = path.file_stem().map(|stem| media::plain(&stem.to_string_lossy())).unwrap_or_default();
            let aliases = if at + 1 == last { vec![stem, "latest".to_owned()] } else { vec![stem] };
            kept = kept.and(run.artifact(&about, (&name, "model"), path, &aliases, None));
        }
        kept
    }
}

/// # Errors
/// If the id of a run has other characters than a file name and an address may have.
fn check_id(id: &str) -> Result<()> {
    if !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
        return Ok(());
    }
    let text = format!("the id of a `WandbLogger` must have only letters, digits, `_` and `-`, found `{id}`");
    Err(Error::config(text).help("choose another with `.id(…)`; the text that is shown is `.name(…)`"))
}

impl Logger for WandbLogger {
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
        if self.run.is_none() {
            self.resumed = Some((version.to_owned(), batch_step, records));
        }
        Ok(())
    }

    fn rewind(&mut self, batch_step: u64, records: u64) -> Result<()> {
        self.run.as_mut().map_or(Ok(()), |run| run.reopen(batch_step, records))
    }

    fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        let runs = earlier(&self.root(None))?;
        Ok(runs.into_iter().filter(|(id, _)| self.about.id.is_empty() || *id == self.about.id).collect())
    }

    fn log_hyperparams(&mut self, hparams: &serde_json::Value) -> Result<()> {
        match records::config(hparams) {
            Some(config) => self.run()?.push(config, None, false),
            None => Ok(()),
        }
    }

    fn log_metrics(&mut self, record: &Record) -> Result<()> {
        self.run()?.metrics(record)?;
        self.report_pending()
    }

    fn log_text(&mut self, name: &str, text: &str, position: LogPosition) -> Result<()> {
        self.log_table(name, &Table::new(["text"]).row([text])?, position)
    }

    fn log_table(&mut self, name: &str, table: &Table, position: LogPosition) -> Result<()> {
        let Table { columns, rows } = table;
        let kind = Kind::Table { rows: rows.len(), columns: columns.len() };
        self.show_file(name, kind, json!({"columns": columns, "data": rows}).to_string().as_bytes(), position)
    }

    fn log_image(&mut self, name: &str, image: &ImageView<'_>, position: LogPosition) -> Result<()> {
        let kind = Kind::Image { width: image.width, height: image.height };
        self.show_file(name, kind, &image.to_png()?, position)
    }

    fn log_histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
        let value = json!({"_type": "histogram", "values": histogram.counts, "bins": histogram.edges});
        self.show(name, &value, position)
    }

    fn log_figure(&mut self, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<()> {
        match figure {
            Figure::Png(png) => {
                let [width, height] = png_size(png)
                    .ok_or_else(|| Error::data(format!("the figure `{name}` must be a PNG file, found other bytes")))?;
                self.show_file(name, Kind::Image { width, height }, png, position)
            }
            Figure::Svg(text) => {
                self.show_file(name, Kind::Html, format!("<!doctype html>\n{text}\n").as_bytes(), position)
            }
            Figure::Html(text) => self.show_file(name, Kind::Html, text.as_bytes(), position),
        }
    }

    fn log_audio(&mut self, name: &str, audio: &Audio, position: LogPosition) -> Result<()> {
        self.show_file(name, Kind::Audio, &audio.to_wav()?, position)
    }

    fn log_mesh(&mut self, name: &str, mesh: &Mesh, position: LogPosition) -> Result<()> {
        self.show_file(name, Kind::Mesh, mesh.to_obj()?.as_bytes(), position)
    }

    fn log_artifact(&mut self, name: &str, path: &Path, position: LogPosition) -> Result<()> {
        self.open(None)?;
        let about = self.about.clone();
        self.run()?.artifact(&about, (&media::plain(name), "file"), path, &["latest".to_owned()], Some(position))
    }

    fn log_checkpoint(&mut self, path: &Path) -> Result<()> {
        self.checkpoints.retain(|known| known != path);
        self.checkpoints.push(path.to_path_buf());
        Ok(())
    }

    fn log_console(&mut self, text: &str) -> Result<()> {
        self.run()?.print(text)
    }

    fn save(&mut self) -> Result<()> {
        self.run.as_mut().map_or(Ok(()), OpenRun::flush)?;
        self.report_pending()
    }

    fn finalize(&mut self, status: RunStatus) -> Result<()> {
        let reported = self.report_pending();
        let kept = self.keep_model();
        let ended = self.run.as_mut().map_or(Ok(()), |run| run.end(status));
        if let Some(tailer) = self.tailer.take() {
            tailer.end();
        }
        self.opened = None;
        ended.and(kept).and(reported)
    }

    fn name(&self) -> &str {
        // The name of a logger is that of its experiment; runs of W&B have one of their own.
        let about = &self.about;
        &about.project
    }

    fn version(&self) -> &str {
        &self.about.id
    }

    fn log_dir(&self) -> Option<&Path> {
        self.run.as_ref().map(OpenRun::folder)
    }
}

impl Drop for WandbLogger {
    fn drop(&mut self) {
        // Without `finalize` the program is unwinding or returning an error, and this is the last
        // chance to say how the run ended; a second error has no receiver.
        if self.opened.is_some() {
            let _ = self.finalize(RunStatus::Failed);
        }
    }
}
