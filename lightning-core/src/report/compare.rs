//! One page about all runs of a folder.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{
    collected::FILE,
    curves::Curves,
    page::{self, Kind, Page},
    rows,
};
use crate::error::{Error, Result};

/// The largest number of runs of a page: the last ones.
const MOST_RUNS: usize = 100;
/// The largest number of metrics of a page.
const MOST_METRICS: usize = 40;
/// The largest number of points of all curves together.
const MOST_POINTS: usize = 40_000;
/// The largest number of points of a curve.
const LEAST_POINTS: usize = 20;
/// The number of seconds without a new report after which a run is taken for killed.
const SILENT: u64 = 300;

/// Writes `compare.html` to a folder: one page about all runs below it, such as
/// `lightning_logs/version_0`, or `lightning_logs/digits/version_0`. Returns its path.
///
/// The page has a table of hyperparameters and metrics that can be sorted, with what differs in
/// bold, and the curves of all runs over each other. It reads `metrics.csv` and `hparams.json` of
/// each run, and the status from `report.html`. A run whose files are damaged is listed with the
/// reason. The last 100 runs and the first 40 metrics are shown.
///
/// ```
/// # use lightning_core::loggers::{CsvLogger, Logger, Record, RunStatus};
/// # use lightning_core::Stage;
/// # fn main() -> lightning_core::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("lightning_logs");
/// # let mut logger = CsvLogger::new(&folder);
/// # logger.start()?;
/// # logger.log_metrics(&Record::new(Stage::Fit, 0, Some(0), 1, 1, vec![("loss".to_owned(), 0.5)]))?;
/// # logger.finalize(RunStatus::Success)?;
/// // `lightning_core::report::compare("lightning_logs")?`
/// let page = lightning_core::report::compare(&folder)?;
/// assert!(page.ends_with("lightning_logs/compare.html"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the folder cannot be read or has no runs, or if the page cannot be written.
pub fn compare(folder: impl AsRef<Path>) -> Result<PathBuf> {
    let folder = folder.as_ref();
    let mut found = run_folders(folder)?;
    if found.is_empty() {
        return Err(Error::data(format!("`{}` must have folders of runs, found none", folder.display()))
            .help("pass the folder of a logger, such as `lightning_logs`"));
    }
    let left_out = found.len().saturating_sub(MOST_RUNS);
    let runs: Vec<Run> = found.drain(left_out..).map(|(name, path)| Run::read(name, &path)).collect();
    let mut names: Vec<&str> = Vec::new();
    for name in runs.iter().flat_map(|run| run.curves.names()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(MOST_METRICS);
    names.truncate(MOST_METRICS);
    let points = (MOST_POINTS / (runs.len() * names.len()).max(1)).max(LEAST_POINTS);
    let title = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let title = title.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let data = json!({
        "kind": "compare",
        "version": env!("CARGO_PKG_VERSION"),
        "title": title,
        "written": now(),
        "runs": runs.iter().map(|run| run.to_json(&names, points)).collect::<Value>(),
        "runs_left_out": left_out,
        "curves_left_out": more,
    });
    let path = folder.join("compare.html");
    Page { kind: Kind::Compare, path: path.clone(), title, data, is_running: false }.write()?;
    Ok(path)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The folders of runs below a folder with their names, in the order of the numbers in them.
fn run_folders(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for (name, path) in folders(folder)? {
        if is_run(&path) {
            found.push((name, path));
            continue;
        }
        let inner = folders(&path).unwrap_or_default().into_iter().filter(|(_, path)| is_run(path));
        found.extend(inner.map(|(run, path)| (format!("{name}/{run}"), path)));
    }
    found.sort_by_cached_key(|(name, _)| numbered(name));
    Ok(found)
}

fn folders(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = fs::read_dir(folder).map_err(|error| Error::io("read the folder", folder, error))?;
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    Ok(paths.filter_map(|path| Some((path.file_name()?.to_string_lossy().into_owned(), path.clone()))).collect())
}

fn is_run(folder: &Path) -> bool {
    ["metrics.csv", "hparams.json", FILE].iter().any(|file| folder.join(file).is_file())
}

/// The text and the numbers of a name, so that `version_10` stands behind `version_9`.
fn numbered(name: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0_u64)];
    for c in name.chars() {
        let Some((text, number)) = parts.last_mut() else { break };
        match c.to_digit(10) {
            Some(digit) => *number = number.saturating_mul(10).saturating_add(u64::from(digit)),
            None if *number > 0 => parts.push((c.to_string(), 0)),
            None => text.push(c),
        }
    }
    parts
}

/// One run of a folder.
#[derive(Debug)]
struct Run {
    name: String,
    /// The data of its report.
    report: Value,
    hparams: Value,
    curves: Curves,
    /// What is damaged.
    fault: Option<String>,
}

impl Run {
    fn read(name: String, folder: &Path) -> Self {
        let report = page::read(&folder.join(FILE)).unwrap_or_default();
        let mut run = Self { name, hparams: report["hparams"].clone(), curves: Curves::default(), fault: None, report };
        let (metrics, hparams) = (folder.join("metrics.csv"), folder.join("hparams.json"));
        if metrics.is_file() {
            let read = rows::read(&metrics, |record| run.curves.record(&record));
            run.fault = read.err().map(|error| error.message().to_owned());
        } else {
            // A run that has another logger.
            run.curves = Curves::from_json(&run.report["curves"]);
        }
        if hparams.is_file() {
            match fs::read(&hparams).map_err(|error| error.to_string()).and_then(|bytes| parsed(&bytes)) {
                Ok(value) => run.hparams = value,
                Err(what) => {
                    run.fault.get_or_insert_with(|| format!("`{}`: {what}", hparams.display()));
                }
            }
        }
        run
    }

    fn status(&self) -> &str {
        let is_silent = || self.report["written"].as_u64().is_none_or(|written| now().saturating_sub(written) > SILENT);
        match self.report["status"].as_str() {
            _ if self.fault.is_some() => "damaged",
            Some("running") if is_silent() => "silent",
            Some(status) => status,
            None => "unknown",
        }
    }

    fn to_json(&self, names: &[&str], points: usize) -> Value {
        let reported = self.report["curves"].as_array();
        let direction = |name: &str| {
            let curve = reported?.iter().find(|curve| curve["name"] == name)?;
            serde_json::from_value(curve["best"].clone()).ok()
        };
        json!({
            "name": self.name,
            "status": self.status(),
            "fault": self.fault,
            "seconds": self.report["seconds"],
            "step": self.curves.last_step().or_else(|| self.report["progress"]["global_step"].as_u64()),
            "hparams": self.hparams,
            "curves": self.curves.chosen_to_json(names, direction, points),
        })
    }
}

fn parsed(bytes: &[u8]) -> std::result::Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_in_the_order_of_their_numbers() {
        let mut names = ["version_10", "version_9", "a/version_2", "version_0", "run"];
        names.sort_by_cached_key(|name| numbered(name));
        assert_eq!(names, ["a/version_2", "run", "version_0", "version_9", "version_10"]);
    }
}
