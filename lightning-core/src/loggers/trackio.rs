//! The logger that sends runs to a Trackio server.

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use super::{Histogram, LogPosition, Logger, Record, RunStatus, Table, http::Server, tracker_run};
use crate::{
    error::{Error, ErrorKind, Result},
    os::time,
    outbox::{Destination, Fault, Pace, Spool},
    params::state::f64_to_json,
};

/// Sends metrics, hyperparameters, histograms and tables to a
/// [Trackio](https://github.com/gradio-app/trackio) server: `trackio show`, which prints its address
/// with a token.
///
/// Everything is written to a file in the folder of the run first, `trackio/spool.jsonl`, and sent by
/// a thread of its own: no step waits for the server, and one that is away or hangs gets everything
/// once it answers, each row once. The end of a run waits for at most 10 s; what is left is sent when
/// the run is resumed, or by [`send_kept`](Self::send_kept). A resumed run keeps its name and id, and a
/// row that was logged before stays as it is.
///
/// The step is `global_step`; `epoch` and `batch_step` are metrics too. Images and files are not sent.
/// An address of `https` needs the feature `https`.
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
/// use lightning_core::loggers::TrackioLogger;
///
/// let trainer = Net::trainer()
///     .logger(CsvLogger::new("lightning_logs"))
///     .logger(TrackioLogger::new("http://127.0.0.1:7860", "digits").write_token("…"))
///     .build()?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct TrackioLogger {
    address: String,
    project: String,
    run_name: Option<String>,
    group: Option<String>,
    token: Option<String>,
    folder: PathBuf,
    timeout: Duration,
    pace: Pace,
    key: String,
    /// The hyperparameters, which go with the next row.
    config: Value,
    /// Set by `resume_at`: the version, and the last batch and the number of its records.
    resumed: Option<(String, u64, u64)>,
    run: Option<OpenRun>,
    is_open: bool,
}

/// A run that is written.
#[derive(Debug)]
struct OpenRun {
    folder: PathBuf,
    spool: Spool,
    /// The name that is shown, and the id.
    name: String,
    id: String,
    /// The last batch that was logged, and how many rows of metrics and others it has.
    last: (u64, u64, u64),
}

impl std::fmt::Debug for TrackioLogger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the token.
        let Self { address, project, run, .. } = self;
        let mut debug = f.debug_struct("TrackioLogger");
        debug.field("address", address).field("project", project).field("run", run).finish_non_exhaustive()
    }
}

impl TrackioLogger {
    /// Creates a logger for the server at `address`, such as `http://127.0.0.1:7860`. Nothing is sent
    /// before the run starts.
    ///
    /// The token is that of `TRACKIO_WRITE_TOKEN` in the environment, unless
    /// [`write_token`](Self::write_token) sets one.
    pub fn new(address: impl Into<String>, project: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            project: project.into(),
            run_name: None,
            group: None,
            token: std::env::var("TRACKIO_WRITE_TOKEN").ok(),
            folder: "trackio_runs".into(),
            timeout: Duration::from_secs(10),
            pace: Pace::default(),
            key: String::new(),
            config: Value::Null,
            resumed: None,
            run: None,
            is_open: false,
        }
    }

    /// Sets the name of the run. Default: the time of its start and random digits.
    #[must_use]
    pub fn run_name(mut self, name: impl Into<String>) -> Self {
        self.run_name = Some(name.into());
        self
    }

    /// Sets the group of the run.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets the token with which the server accepts rows: that of its address.
    #[must_use]
    pub fn write_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Sets the folder for runs without a logger before this one, which has a folder. Default:
    /// `trackio_runs`.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Sets how long the server has for an answer. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long the end of a run waits until everything is sent. Default: 10 s.
    #[must_use]
    pub fn wait_at_end(mut self, at_most: Duration) -> Self {
        self.pace.at_end = at_most;
        self
    }

    /// Sends what a run has kept because its server was away. `folder` is the folder of that run or
    /// `trackio` in it.
    ///
    /// # Errors
    /// If there is no such run, or the server does not answer.
    pub fn send_kept(self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        let inner = folder.join("trackio");
        let folder = if inner.is_dir() { inner } else { folder.to_path_buf() };
        if tracker_run::read_about(&folder)?.is_none() {
            let text = format!("there is no run of Trackio in `{}`", folder.display());
            return Err(Error::config(text).help("pass the folder of a run, such as `lightning_logs/version_0`"));
        }
        Spool::open(&folder, self.destination()?, self.pace)?.finish()
    }

    fn destination(&self) -> Result<ToTrackio> {
        let help = "pass the token of the server's address to `.write_token(…)`, or set `TRACKIO_WRITE_TOKEN`";
        let server = Server::new("Trackio", &self.address, self.timeout, None, help)?;
        Ok(ToTrackio { server, token: self.token.clone() })
    }

    fn open(&mut self, beside: Option<&Path>) -> Result<()> {
        if std::mem::replace(&mut self.is_open, true) || self.run.is_some() {
            return Ok(());
        }
        let resumed = self.resumed.take();
        let version = resumed.as_ref().map(|(version, ..)| version.clone()).filter(|_| beside.is_none());
        self.key = version.unwrap_or_else(tracker_run::new_key);
        let folder = tracker_run::folder(beside, &self.folder, "trackio", &self.key);
        let known = tracker_run::read_about(&folder)?;
        let text = |key: &str| known.as_ref()?.get(key)?.as_str().map(str::to_owned);
        let name = text("name").or_else(|| self.run_name.clone()).unwrap_or_else(|| self.key.clone());
        let id = text("id").unwrap_or_else(|| self.key.clone());
        if known.is_none() {
            tracker_run::write_about(&folder, &json!({"name": name, "id": id}))?;
        }
        let spool = Spool::open(&folder, self.destination()?, self.pace)?;
        let last = resumed.map_or((0, 0, 0), |(_, batch_step, records)| (batch_step, records, 0));
        self.run = Some(OpenRun { folder, spool, name, id, last });
        Ok(())
    }

    fn run(&mut self) -> Result<&mut OpenRun> {
        self.open(None)?;
        // `open` has created it.
        self.run.as_mut().ok_or_else(|| Error::msg("the run of a `TrackioLogger` is not open"))
    }

    /// Writes a row. `is_record`: one of metrics.
    fn row(&mut self, metrics: Value, position: LogPosition, is_record: bool) -> Result<()> {
        let project = self.project.clone();
        let config = self.config.take();
        let run = self.run()?;
        let LogPosition { stage, batch_step, global_step, .. } = position;
        let (batch, records, others) = run.last;
        let (records, others) = if batch == batch_step { (records, others) } else { (0, 0) };
        let (records, others) = if is_record { (records + 1, others) } else { (records, others + 1) };
        run.last = (batch_step, records, others);
        // The same for a row that is logged again after a resume: the server has it once.
        let number = if is_record { format!("r{records}") } else { format!("o{records}.{others}") };
        let log_id = format!("{}-{}-{batch_step}-{number}", run.id, stage.name());
        let item = json!({
            "project": project, "run": run.name, "run_id": run.id, "metrics": metrics, "step": global_step,
            "config": config, "log_id": log_id,
        });
        run.spool.push(&item)
    }
}

impl Logger for TrackioLogger {
    fn start(&mut self) -> Result<()> {
        self.start_beside(None)
    }

    fn start_beside(&mut self, folder: Option<&Path>) -> Result<()> {
        self.open(folder)
    }

    fn resume(&mut self, version: &str, batch_step: u64) -> Result<()> {
        self.resume_at(version, batch_step, 0)
    }

    fn resume_at(&mut self, version: &str, batch_step: u64, records: u64) -> Result<()> {
        // An open run continues anyway.
        if self.run.is_none() {
            self.resumed = Some((version.to_owned(), batch_step, records));
        }
        Ok(())
    }

    fn rewind(&mut self, batch_step: u64, records: u64) -> Result<()> {
        if let Some(run) = &mut self.run {
            run.last = (batch_step, records, 0);
        }
        Ok(())
    }

    fn earlier_runs(&self) -> Result<Vec<(String, PathBuf)>> {
        tracker_run::earlier(&self.folder)
    }

    fn log_hyperparams(&mut self, hparams: &Value) -> Result<()> {
        let mut config = match hparams {
            Value::Object(fields) => fields.clone(),
            _ => serde_json::Map::new(),
        };
        // The names that its own client adds, of which the page groups and sorts by.
        config.insert("_Group".to_owned(), self.group.clone().map_or(Value::Null, Value::from));
        config.insert("_Created".to_owned(), time::text(time::now()).into());
        self.config = config.into();
        Ok(())
    }

    fn log_metrics(&mut self, record: &Record) -> Result<()> {
        let LogPosition { epoch, batch_step, .. } = record.position;
        let mut metrics: serde_json::Map<String, Value> =
            record.metrics.iter().map(|(name, value)| (name.clone(), number(*value))).collect();
        for (name, value) in [("epoch", epoch), ("batch_step", batch_step)] {
            metrics.entry(name).or_insert_with(|| value.into());
        }
        self.row(metrics.into(), record.position, true)?;
        self.run()?.spool.failure()
    }

    fn log_text(&mut self, name: &str, text: &str, position: LogPosition) -> Result<()> {
        self.row(json!({ name: text }), position, false)
    }

    fn log_histogram(&mut self, name: &str, histogram: &Histogram, position: LogPosition) -> Result<()> {
        let value = json!({"_type": "trackio.histogram", "bins": histogram.edges, "values": histogram.counts});
        self.row(json!({ name: value }), position, false)
    }

    fn log_table(&mut self, name: &str, table: &Table, position: LogPosition) -> Result<()> {
        let row = |cells: &Vec<String>| -> Value {
            table
                .columns
                .iter()
                .cloned()
                .zip(cells.iter().cloned().map(Value::from))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let rows: Vec<Value> = table.rows.iter().map(row).collect();
        self.row(json!({ name: {"_type": "trackio.table", "_value": rows} }), position, false)
    }

    fn save(&mut self) -> Result<()> {
        self.run.as_ref().map_or(Ok(()), |run| run.spool.failure())
    }

    fn finalize(&mut self, _status: RunStatus) -> Result<()> {
        self.is_open = false;
        let Some(run) = &self.run else { return Ok(()) };
        run.spool.finish().and_then(|()| run.spool.failure())
    }

    fn name(&self) -> &str {
        &self.project
    }

    fn version(&self) -> &str {
        &self.key
    }

    fn log_dir(&self) -> Option<&Path> {
        self.run.as_ref().map(|run| &*run.folder)
    }
}

impl Drop for TrackioLogger {
    fn drop(&mut self) {
        // Without `finalize` the program is unwinding or returning an error, and this is the last
        // chance to send what waits; an error has no receiver.
        if self.is_open {
            let _ = self.finalize(RunStatus::Failed);
        }
    }
}

/// A number as Trackio's own client encodes it, which knows what is not finite.
fn number(value: f64) -> Value {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        value => f64_to_json(value),
    }
}

/// A Trackio server.
#[derive(Debug)]
struct ToTrackio {
    server: Server,
    token: Option<String>,
}

impl Destination for ToTrackio {
    fn send(&mut self, items: &[Value]) -> Result<(), Fault> {
        let body = json!({"logs": items, "hf_token": null});
        let path = match &self.token {
            Some(token) => format!("api/bulk_log?write_token={token}"),
            None => "api/bulk_log".to_owned(),
        };
        let help = "pass the token of the server's address to `.write_token(…)`";
        let answer = match self.server.post(&path, &body) {
            // The status is that of a wrong row, and the rows are right.
            Err(Fault::Refused(error)) if error.message().contains("write_token") => {
                return Err(Fault::Away(error.help(help)));
            }
            answer => answer?,
        };
        // What is wrong with a request is not in the status.
        match answer.get("error").and_then(Value::as_str) {
            None => Ok(()),
            Some(error) => {
                let text = format!("the Trackio server does not accept rows: {error}");
                let error = Error::new(ErrorKind::Io, text);
                Err(Fault::Away(error.help(help)))
            }
        }
    }
}
