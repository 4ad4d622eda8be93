//! The logger that sends runs to an MLflow server.

mod builder;
mod keys;
mod server;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use self::{
    keys::{Keys, flattened, number},
    server::{About, ToMlflow},
};
use super::{
    Audio, Figure, Histogram, ImageView, LogPosition, Logger, Mesh, Record, RunStatus, Table, attachments,
    http::Server, staging, tracker_run,
};
use crate::{
    error::{Error, Result},
    outbox::{Pace, Spool},
};

/// Sends everything that is logged to an [MLflow](https://mlflow.org) server, by its REST interface.
///
/// | logged | in MLflow |
/// |---|---|
/// | metrics | metrics; the step is `global_step`, and `epoch` and `batch_step` are metrics too |
/// | hyperparameters | parameters, nested ones as `optimizer/lr` |
/// | images, figures, histograms, texts, tables, audio, meshes, `log_artifact` | artifacts, in folders of their names |
/// | checkpoints, with [`log_model`](Self::log_model) | artifacts in `checkpoints` |
/// | [`DeviceStatsMonitor`](crate::callbacks::DeviceStatsMonitor) | system metrics |
///
/// Everything is written to a file in the folder of the run first, `mlflow/spool.jsonl`, and sent by a
/// thread of its own: no step waits for the server, and one that is away or hangs gets everything
/// once it answers, each value once. The end of a run waits for at most 10 s; what is left is sent
/// when the run is resumed, or by [`send_kept`](Self::send_kept). A resumed run keeps its id; a value
/// that was logged before is not logged again.
///
/// NaN is kept; MLflow stores infinite values as the largest number. Names have the characters that
/// MLflow allows, others become `_`. An address of `https` needs the feature `https`.
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
/// use lightning_core::loggers::MlflowLogger;
///
/// let trainer = Net::trainer()
///     .logger(CsvLogger::new("lightning_logs"))
///     .logger(MlflowLogger::new("http://127.0.0.1:5000", "digits").run_name("small"))
///     .build()?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct MlflowLogger {
    address: String,
    about: About,
    folder: PathBuf,
    timeout: Duration,
    pace: Pace,
    logs_model: bool,
    /// Set by `resume_at`: the version, and the last batch and the number of its rows to keep.
    resumed: Option<(String, u64, u64)>,
    run: Option<OpenRun>,
    is_open: bool,
    /// The checkpoints that were written.
    checkpoints: Vec<PathBuf>,
}

/// A run that is written.
#[derive(Debug)]
struct OpenRun {
    folder: PathBuf,
    spool: Spool,
    keys: Keys,
    /// The values by key and step that the earlier run logged after the checkpoint.
    repeated: HashMap<(String, u64), Value>,
    /// The last optimizer step that was logged.
    last_step: Option<u64>,
    /// The last batch that was logged, and how many records it has.
    last_batch: (u64, u64),
}

impl std::fmt::Debug for MlflowLogger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { address, about, run, .. } = self;
        let mut debug = f.debug_struct("MlflowLogger");
        debug.field("address", address).field("about", about).field("run", run).finish_non_exhaustive()
    }
}

impl MlflowLogger {
    /// Creates a logger for the server at `address`, such as `http://127.0.0.1:5000`. The experiment is
    /// created if the server does not have it. Nothing is sent before the run starts.
    ///
    /// The account is that of MLflow's own client: `MLFLOW_TRACKING_TOKEN`, or
    /// `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD` in the environment.
    pub fn new(address: impl Into<String>, experiment: impl Into<String>) -> Self {
        let about = About {
            experiment: experiment.into(),
            name: None,
            tags: Vec::new(),
            parent: None,
            key: String::new(),
            started: 0,
        };
        Self {
            address: address.into(),
            about,
            folder: "mlflow_runs".into(),
            timeout: Duration::from_secs(10),
            pace: Pace::default(),
            logs_model: false,
            resumed: None,
            run: None,
            is_open: false,
            checkpoints: Vec::new(),
        }
    }

    /// Sends what a run has kept because its server was away. `folder` is the folder of that run or
    /// `mlflow` in it.
    ///
    /// # Errors
    /// If there is no such run, or the server does not answer.
    pub fn send_kept(self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        let inner = folder.join("mlflow");
        let folder = if inner.is_dir() { inner } else { folder.to_path_buf() };
        let Some(about) = tracker_run::read_about(&folder)? else {
            let text = format!("there is no run of MLflow in `{}`", folder.display());
            return Err(Error::config(text).help("pass the folder of a run, such as `lightning_logs/version_0`"));
        };
        let about = read_about(&about, self.about.clone());
        let spool = Spool::open(&folder, ToMlflow::new(self.server()?, about, &folder), self.pace)?;
        spool.finish()
    }

    fn server(&self) -> Result<Server> {
        let env = |name: &str| std::env::var(name).ok();
        let account = || Some(format!("{}:{}", env("MLFLOW_TRACKING_USERNAME")?, env("MLFLOW_TRACKING_PASSWORD")?));
        let authorization = env("MLFLOW_TRACKING_TOKEN").map(|token| format!("Bearer {token}"));
        let authorization =
            authorization.or_else(|| Some(format!("Basic {}", super::base64::encode(account()?.as_bytes()))));
        let help = "set `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`";
        Server::new("MLflow", &self.address, self.timeout, authorization, help)
    }

    fn open(&mut self, beside: Option<&Path>) -> Result<()> {
        if self.is_open {
            return Ok(());
        }
        self.is_open = true;
        if let Some(run) = &mut self.run {
            // A `test` after a `fit` continues the run.
            return run.spool.push(&json!({"status": "RUNNING"}));
        }
        let resumed = self.resumed.take();
        if self.about.key.is_empty() {
            let version = resumed.as_ref().map(|(version, ..)| version.clone()).filter(|_| beside.is_none());
            self.about.key = version.unwrap_or_else(tracker_run::new_key);
        }
        let folder = tracker_run::folder(beside, &self.folder, "mlflow", &self.about.key);
        let known = tracker_run::read_about(&folder)?;
        match &known {
            Some(known) => self.about = read_about(known, self.about.clone()),
            None => {
                self.about.started = tracker_run::now_ms();
                tracker_run::write_about(&folder, &write_about(&self.about))?;
            }
        }
        let destination = ToMlflow::new(self.server()?, self.about.clone(), &folder);
        let spool = Spool::open(&folder, destination, self.pace)?;
        let (repeated, last_step) = (HashMap::new(), None);
        let mut run = OpenRun { folder, spool, keys: Keys::default(), repeated, last_step, last_batch: (0, 0) };
        if known.is_some() {
            if let Some((_, batch_step, records)) = resumed {
                run.repeat(batch_step, records)?;
            }
            run.spool.push(&json!({"status": "RUNNING"}))?;
        }
        self.run = Some(run);
        Ok(())
    }

    fn run(&mut self) -> Result<&mut OpenRun> {
        self.open(None)?;
        // `open` has created it.
        self.run.as_mut().ok_or_else(|| Error::msg("the run of an `MlflowLogger` is not open"))
    }

    /// Sends a file that `write` writes below the folder that it gets.
    fn attach(&mut self, write: impl FnOnce(&Path) -> Result<PathBuf>) -> Result<()> {
        let run = self.run()?;
        let folder = run.folder.join("files");
        let file = write(&folder)?;
        let path: Vec<_> =
            file.strip_prefix(&folder).unwrap_or(&file).iter().map(|part| part.to_string_lossy()).collect();
        run.push_file(&path.join("/"), &file)
    }

    fn artifacts(&mut self, name: &str, path: &Path, is_final: bool) -> Result<()> {
        let run = self.run()?;
        let staged = run.folder.join("files").join(keys::plain(name));
        for file in staging::stage(path, &staged, is_final)? {
            run.push_file(&format!("{}/{}", keys::plain(name), file.path), &file.file)?;
        }
        Ok(())
    }
}

fn write_about(about: &About) -> Value {
    let About { experiment, name, tags, parent, key, started } = about;
    json!({
        "experiment": experiment, "name": name, "tags": tags, "parent": parent, "key": key, "started": started,
    })
}

/// What is known of a run that exists, over what the program says.
fn read_about(known: &Value, about: About) -> About {
    let text = |key: &str| known.get(key).and_then(Value::as_str).map(str::to_owned);
    About {
        experiment: text("experiment").unwrap_or(about.experiment),
        name: text("name").or(about.name),
        tags: known.get("tags").and_then(|tags| serde_json::from_value(tags.clone()).ok()).unwrap_or(about.tags),
        parent: text("parent").or(about.parent),
        key: text("key").unwrap_or(about.key),
        started: known.get("started").and_then(Value::as_u64).unwrap_or(about.started),
    }
}

impl OpenRun {
    /// Notes what was logged after `batch_step` batches and `records` records of that one: it will be
    /// logged again, and MLflow forgets nothing.
    fn repeat(&mut self, batch_step: u64, records: u64) -> Result<()> {
        let at = |item: &Value, key: &str| item.get(key).and_then(Value::as_u64);
        for item in self.spool.items()? {
            let (Some(batch), Some(record)) = (at(&item, "batch"), at(&item, "record")) else { continue };
            if batch < batch_step || (batch == batch_step && record <= records) {
                continue;
            }
            for metric in item.get("metrics").and_then(Value::as_array).into_iter().flatten() {
                let key = metric.get("key").and_then(Value::as_str).map(str::to_owned);
                if let (Some(key), Some(step), Some(value)) = (key, at(metric, "step"), metric.get("value")) {
                    self.repeated.insert((key, step), value.clone());
                }
            }
        }
        self.last_batch = (batch_step, records.min(u64::MAX - 1));
        Ok(())
    }

    fn metrics(&mut self, record: &Record) -> Result<()> {
        let LogPosition { epoch, batch_step, global_step: step, .. } = record.position;
        let count = if self.last_batch.0 == batch_step { self.last_batch.1 + 1 } else { 1 };
        self.last_batch = (batch_step, count);
        let is_new = self.last_step.replace(step) != Some(step);
        // Once a step: validation and training log at the same one.
        let axes = [("epoch", epoch), ("batch_step", batch_step)].into_iter().filter(|_| is_new);
        let axes = axes.map(|(name, value)| (name.to_owned(), value as f64));
        let timestamp = tracker_run::now_ms();
        let mut metrics = Vec::new();
        for (name, value) in record.metrics.iter().cloned().chain(axes) {
            let key = keys::of_machine(&name).unwrap_or_else(|| self.keys.of(&name));
            let value = number(value);
            if self.repeated.get(&(key.clone(), step)) != Some(&value) {
                metrics.push(json!({"key": key, "value": value, "timestamp": timestamp, "step": step}));
            }
        }
        if metrics.is_empty() {
            return Ok(());
        }
        self.spool.push(&json!({"batch": batch_step, "record": count, "metrics": metrics}))
    }

    fn push_file(&mut self, path: &str, file: &Path) -> Result<()> {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
        self.spool.push(&json!({"artifact": path, "file": file.display().to_string()}))
    }
}

impl Logger for MlflowLogger {
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
        self.run.as_mut().map_or(Ok(()), |run| run.repeat(batch_step, records))
    }

    fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        tracker_run::earlier(&self.folder)
    }

    fn log_hyperparams(&mut self, hparams: &Value) -> Result<()> {
        let short = |text: String| text.chars().take(keys::LONGEST_VALUE).collect::<String>();
        let params: Vec<_> = flattened(hparams)
            .into_iter()
            .map(|(name, value)| json!({"key": keys::plain(&name), "value": short(value)}))
            .collect();
        if params.is_empty() { Ok(()) } else { self.run()?.spool.push(&json!({ "params": params })) }
    }

    fn log_metrics(&mut self, record: &Record) -> Result<()> {
        let run = self.run()?;
        run.metrics(record)?;
        run.spool.failure()
    }

    fn log_text(&mut self, name: &str, text: &str, position: LogPosition) -> Result<()> {
        self.attach(|folder| attachments::write_text(folder, name, text, position))
    }

    fn log_image(&mut self, name: &str, image: &ImageView<'_>, position: LogPosition) -> Result<()> {
        self.attach(|folder| attachments::write_image(folder, name, image, position))
    }

    fn log_histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
        self.attach(|folder| attachments::write_histogram(folder, name, histogram, position))
    }

    fn log_figure(&mut self, name: &str, figure: Figure<'_>, position: LogPosition) -> Result<()> {
        self.attach(|folder| attachments::write_figure(folder, name, figure, position))
    }

    fn log_audio(&mut self, name: &str, audio: &Audio, position: LogPosition) -> Result<()> {
        self.attach(|folder| attachments::write_audio(folder, name, audio, position))
    }

    fn log_mesh(&mut self, name: &str, mesh: &Mesh, position: LogPosition) -> Result<()> {
        self.attach(|folder| attachments::write_mesh(folder, name, mesh, position))
    }

    fn log_table(&mut self, name: &str, table: &Table, position: LogPosition) -> Result<()> {
        self.attach(|folder| attachments::write_table(folder, name, table, position))
    }

    fn log_artifact(&mut self, name: &str, path: &Path, _position: LogPosition) -> Result<()> {
        self.artifacts(name, path, false)
    }

    fn log_checkpoint(&mut self, path: &Path) -> Result<()> {
        self.checkpoints.retain(|known| known != path);
        self.checkpoints.push(path.to_path_buf());
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        self.run.as_ref().map_or(Ok(()), |run| run.spool.failure())
    }

    fn finalize(&mut self, status: RunStatus) -> Result<()> {
        self.is_open = false;
        let mut kept = Ok(());
        for path in std::mem::take(&mut self.checkpoints) {
            if self.logs_model && self.run.is_some() && path.is_file() {
                self.is_open = true;
                kept = kept.and(self.artifacts("checkpoints", &path, true));
                self.is_open = false;
            }
        }
        let Some(run) = &mut self.run else { return kept };
        let status = match status {
            RunStatus::Success => "FINISHED",
            RunStatus::Failed => "FAILED",
            RunStatus::Interrupted => "KILLED",
        };
        let ended = run.spool.push(&json!({"status": status, "end_time": tracker_run::now_ms()}));
        ended.and(kept).and_then(|()| run.spool.finish()).and_then(|()| run.spool.failure())
    }

    fn name(&self) -> &str {
        &self.about.experiment
    }

    fn version(&self) -> &str {
        &self.about.key
    }

    fn log_dir(&self) -> Option<&Path> {
        self.run.as_ref().map(|run| &*run.folder)
    }
}

impl Drop for MlflowLogger {
    fn drop(&mut self) {
        // Without `finalize` the program is unwinding or returning an error, and this is the last
        // chance to say how the run ended; a second error has no receiver.
        if self.is_open {
            let _ = self.finalize(RunStatus::Failed);
        }
    }
}
