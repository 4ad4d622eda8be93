//! The folder and the file of a run that is written.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    media::{self, Kind},
    records::{self, Body, Known},
    stats,
    transaction_log::{Records, TransactionLog},
};
use crate::{
    error::{Error, ErrorKind, Result},
    loggers::{LogPosition, Record, RunStatus},
    os::{machine::host_name, time},
};

/// How the names of the folders of runs begin.
const PREFIX: &str = "offline-run-";

/// A run that is written.
#[derive(Debug)]
pub(super) struct OpenRun {
    folder: PathBuf,
    log: TransactionLog,
    flush_every: Duration,
    /// The number of the next record.
    number: u64,
    /// The number of the next row.
    step: u64,
    /// The seconds of training before `since`.
    before: f64,
    since: Instant,
    /// How many artifacts were kept.
    artifacts: u64,
}

impl OpenRun {
    /// Creates the folder and the file of a new run.
    ///
    /// # Errors
    /// If they cannot be created.
    pub(super) fn create(root: &Path, about: &records::Run, flush_every: Duration) -> Result<Self> {
        let started = time::now();
        let folder = root.join(format!("{PREFIX}{}-{}", time::compact(started), about.id));
        crate::os::files::create_folder(&folder.join("files"))?;
        let log = TransactionLog::create(&file_of(&folder, &about.id), flush_every)?;
        #[cfg(unix)]
        if let Some(name) = folder.file_name() {
            // For the tools of the client that look at the last run; nothing needs it.
            let _ = crate::os::files::replace_link(&root.join("latest-run"), Path::new(name));
        }
        let (number, step, before, since) = (1, 0, 0.0, Instant::now());
        let mut run = Self { folder, log, flush_every, number, step, before, since, artifacts: 0 };
        let host = host_name();
        run.push(records::header(), None, false)?;
        run.push(records::run(about, &host, started), None, false)?;
        run.push(records::environment(&host, started), None, false)?;
        for axis in records::axes() {
            run.push(axis, None, false)?;
        }
        Ok(run)
    }

    /// Continues a run after `batch_step` training batches and `records` rows of that batch.
    ///
    /// # Errors
    /// If its file cannot be read or shortened.
    pub(super) fn resume(folder: &Path, id: &str, flush_every: Duration, at: (u64, u64)) -> Result<Self> {
        let path = file_of(folder, id);
        let log = TransactionLog::reopen(&path, length(&path)?, flush_every)?;
        let folder = folder.to_path_buf();
        let (number, step, before, since) = (1, 0, 0.0, Instant::now());
        let mut run = Self { folder, log, flush_every, number, step, before, since, artifacts: 0 };
        run.reopen(at.0, at.1).map(|()| run)
    }

    /// Removes the records after `batch_step` training batches and, of that batch, those after the
    /// first `records` rows, and the end of the run.
    ///
    /// # Errors
    /// If the file cannot be read or shortened.
    pub(super) fn reopen(&mut self, batch_step: u64, records: u64) -> Result<()> {
        self.log.flush()?;
        let path = self.log.path().to_path_buf();
        let bytes = fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
        let Some(all) = Records::new(&bytes) else {
            let text = format!("`{}` must be a file of Weights & Biases, found other bytes", path.display());
            return Err(Error::new(ErrorKind::Io, text).at_path(&path).help("move it away to start a new run"));
        };
        let (mut kept, mut of_last) = (0, 0);
        (self.number, self.step, self.before) = (1, 0, 0.0);
        for (record, end) in all {
            let known = Known::read(&record);
            let is_last = known.batch_step == Some(batch_step);
            of_last += u64::from(known.is_record && is_last);
            let is_later = known.batch_step.is_some_and(|step| step > batch_step);
            if known.is_exit || is_later || (known.is_record && is_last && of_last > records) {
                break;
            }
            self.number = known.number + 1;
            self.step = known.step.map_or(self.step, |step| step + 1);
            self.before = known.runtime.unwrap_or(self.before);
            kept = end;
        }
        self.since = Instant::now();
        self.log = TransactionLog::reopen(&path, kept, self.flush_every)?;
        Ok(())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn file(&self) -> &Path {
        self.log.path()
    }

    fn seconds(&self) -> f64 {
        self.before + self.since.elapsed().as_secs_f64()
    }

    /// Adds a record.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn push(&mut self, body: Body, position: Option<LogPosition>, is_record: bool) -> Result<()> {
        let record = body.numbered(self.number, position, is_record);
        self.number += 1;
        self.log.push(&record)
    }

    /// Adds a row of metrics, and apart from it the values of the machine.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn metrics(&mut self, record: &Record) -> Result<()> {
        let (mut of_machine, mut values) = (Vec::new(), Vec::new());
        for (name, value) in &record.metrics {
            match stats::of_machine(name, *value) {
                Some(stat) => of_machine.push(stat),
                None => values.push((name.clone(), records::number(*value))),
            }
        }
        let is_row = !values.is_empty() || of_machine.is_empty();
        if !of_machine.is_empty() {
            self.push(records::stats(&of_machine, time::now()), Some(record.position), !is_row)?;
        }
        if is_row { self.row(values, record.position, true) } else { Ok(()) }
    }

    /// Adds a row of values in JSON.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn row(
        &mut self,
        mut values: Vec<(String, String)>,
        position: LogPosition,
        is_record: bool,
    ) -> Result<()> {
        let axes = [
            ("epoch", position.epoch.to_string()),
            ("batch_step", position.batch_step.to_string()),
            (records::GLOBAL_STEP, position.global_step.to_string()),
            ("_timestamp", records::number(time::now())),
            (records::RUNTIME, records::number(self.seconds())),
            (records::STEP, self.step.to_string()),
        ];
        for (name, value) in axes {
            if !values.iter().any(|(known, _)| known == name) {
                values.push((name.to_owned(), value));
            }
        }
        let [summary, history] = records::row(&values, self.step);
        self.step += 1;
        self.push(summary, Some(position), false)?;
        self.push(history, Some(position), is_record)
    }

    /// Writes a file that the next row refers to, and returns what the row says of it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write_media(&mut self, name: &str, kind: Kind, bytes: &[u8]) -> Result<serde_json::Value> {
        let media = media::write(&self.folder.join("files"), name, self.step, kind, bytes)?;
        self.push(records::file(&media.path), None, false)?;
        Ok(media.value)
    }

    /// Adds an artifact: its name and type, its files at `path`, its aliases. One without a position
    /// is of a file that is not changed any more.
    ///
    /// # Errors
    /// If the files cannot be read or kept.
    pub(super) fn artifact(
        &mut self,
        about: &records::Run,
        (name, kind): (&str, &str),
        path: &Path,
        aliases: &[String],
        position: Option<LogPosition>,
    ) -> Result<()> {
        let staged = self.folder.join("artifacts").join(format!("{name}-{}-{}", self.number, self.artifacts));
        self.artifacts += 1;
        let entries = media::stage(path, &staged, position.is_none())?;
        let digest = media::manifest_digest(&entries);
        let ids = [random_id(128), random_id(128)];
        let [version, series] = &ids;
        let client_ids = [version.as_str(), series.as_str()];
        let artifact = records::Artifact { name, kind, digest: &digest, aliases, entries: &entries, client_ids };
        self.push(records::artifact(about, &artifact), position, false)
    }

    /// Adds lines of the console.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn print(&mut self, text: &str) -> Result<()> {
        self.push(records::output(text, time::now()), None, false)
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.log.flush()
    }

    /// Says how the run ended.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn end(&mut self, status: RunStatus) -> Result<()> {
        // What a shell says of a program that SIGINT ended.
        const INTERRUPTED: u64 = 130;
        let code = match status {
            RunStatus::Success => 0,
            RunStatus::Failed => 1,
            RunStatus::Interrupted => INTERRUPTED,
        };
        let seconds = self.seconds();
        self.push(records::exit(code, seconds), None, false).and_then(|()| self.flush())
    }
}

/// The file of a run.
fn file_of(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("run-{id}.wandb"))
}

fn length(path: &Path) -> Result<usize> {
    let metadata = fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
    Ok(metadata.len() as usize)
}

/// The ids and folders of the runs below `root`, the oldest first.
///
/// # Errors
/// If the folder cannot be read.
pub(super) fn earlier(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let unreadable = |error| Error::io("read the folder", root, error);
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        // `<time>-<id>`
        let Some((_, id)) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')) else { continue };
        if file_of(&entry.path(), id).is_file() {
            runs.push((id.to_owned(), entry.path()));
        }
    }
    runs.sort_by(|(_, a), (_, b)| a.cmp(b));
    Ok(runs)
}

/// Random letters and digits. They do not depend on the seed of the run: two runs of one seed are two
/// runs.
pub(super) fn random_id(len: usize) -> String {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let keys = RandomState::new();
    let digit = |at: usize| {
        let word = keys.hash_one((at, std::process::id(), time::now().to_bits()));
        DIGITS.get((word % 36) as usize).map_or('a', |digit| char::from(*digit))
    };
    (0..len).map(digit).collect()
}
