//! What a report shows of a run, collected while it goes.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{
    curve::{Curve, Point},
    curves::{self, Curves, shown_name},
    files::Files,
    images::Images,
    outputs::Outputs,
    page::{self, Page},
    rate_test::RateTest,
};
use crate::{
    console::profiler::Profile,
    error::Error,
    loggers::RunStatus,
    metrics::{Direction, MetricDef},
    progress::Counters,
};

/// The name of the file in the folder of the run.
pub(super) const FILE: &str = "report.html";
/// The version of the data in a page.
pub(super) const FORMAT: u64 = 1;
/// A page is written again at the earliest after this time.
const INTERVAL: Duration = Duration::from_secs(10);
/// The largest number of warnings of a page.
const MOST_WARNINGS: usize = 50;
/// The longest text of a page, in characters.
const LONGEST_TEXT: usize = 2000;
/// The largest hyperparameters of a page, in bytes.
const LARGEST_HPARAMS: usize = 40 * 1024;
/// The points of the curves of the rates, as a part of all.
const SHARE_OF_RATES: f64 = 0.1;
/// The points of the curve of the epochs.
const POINTS_OF_EPOCHS: usize = 500;

/// What does not change in a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) module: &'static str,
    pub(crate) metrics: &'static [MetricDef],
    pub(crate) seed: u64,
    pub(crate) max_epochs: Option<usize>,
    pub(crate) max_steps: Option<u64>,
    /// The rows of the machine: names and values.
    pub(crate) machine: Vec<(&'static str, String)>,
}

/// The times of a run, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// Of epochs, without their validation.
    pub(super) train: f64,
    pub(super) validation: f64,
    /// Of finished entry points, and of the processes before this one.
    pub(super) before: f64,
    /// Optimizer steps in `train`.
    pub(super) steps: u64,
}

/// What a report shows of a run.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) folder: Option<PathBuf>,
    /// The batch and the number of its records after which an earlier run continues.
    pub(super) resume: Option<(u64, u64)>,
    pub(super) about: About,
    pub(super) hparams: Value,
    pub(super) curves: Curves,
    pub(super) rates: Curves,
    pub(super) rate_test: Option<RateTest>,
    pub(super) epochs: Curve,
    pub(super) images: Images,
    pub(super) outputs: Outputs,
    pub(super) graph: Value,
    pub(super) warnings: Vec<String>,
    pub(super) warnings_left_out: u64,
    /// How the run ended; `None` while it goes.
    pub(super) status: Option<RunStatus>,
    pub(super) error: Option<String>,
    pub(super) counters: Counters,
    pub(super) times: Times,
    /// When the entry point started.
    pub(super) started: Option<Instant>,
    pub(super) profile: Option<Profile>,
    pub(super) files: Files,
    written: Option<Instant>,
    /// Why the page could not be written, until it is told.
    fault: Option<String>,
    is_told: bool,
}

impl Collected {
    /// Adds a warning of the run.
    pub(super) fn warn(&mut self, text: &str) {
        match self.warnings.len() < MOST_WARNINGS {
            true => self.warnings.push(shortened(text)),
            false => self.warnings_left_out += 1,
        }
    }

    /// Ends the run with a status.
    pub(super) fn end(&mut self, status: RunStatus, error: Option<String>) {
        self.status = Some(status);
        self.error = error.map(|text| shortened(&text));
        self.times.before += self.started.take().map_or(0.0, |started| started.elapsed().as_secs_f64());
    }

    /// Adds the duration of an epoch. A resumed run may end an epoch once more.
    pub(super) fn epoch(&mut self, point: Point) {
        if self.epochs.points(usize::MAX).last().is_none_or(|last| last.epoch != point.epoch) {
            self.epochs.push(point);
        }
    }

    /// Forgets what was logged after a checkpoint.
    pub(super) fn forget_after(&mut self, batch_step: u64, records: u64) {
        self.curves.forget_after(batch_step, records);
        // The checkpoint was taken after these of its batch.
        self.rates.forget_after(batch_step, u64::MAX);
        self.epochs.forget_after(batch_step, u64::MAX);
        self.images.forget_after(batch_step);
        self.outputs.forget_after(batch_step);
    }

    /// Whether the page is older than the interval.
    pub(super) fn is_due(&self) -> bool {
        self.folder.is_some() && self.written.is_none_or(|written| written.elapsed() >= INTERVAL)
    }

    /// The page as it is now; `None` without a folder.
    pub(super) fn page(&mut self) -> Option<Page> {
        let folder = self.folder.clone()?;
        self.written = Some(Instant::now());
        let (title, data) = (title(&folder, self.about.module), self.describe(&folder));
        Some(Page { kind: page::Kind::Run, path: folder.join(FILE), title, data, is_running: self.status.is_none() })
    }

    /// A page that could not be written is a warning, once.
    pub(super) fn failed(&mut self, error: &Error) {
        if !std::mem::replace(&mut self.is_told, true) {
            self.fault = Some(format!("the report could not be written, and the run goes on without it: {error}"));
        }
    }

    /// Why the page could not be written, once.
    pub(super) fn take_fault(&mut self) -> Option<String> {
        self.fault.take()
    }

    /// The data of the page.
    fn describe(&mut self, folder: &Path) -> Value {
        let About { module, metrics, seed, max_epochs, max_steps, ref machine } = self.about;
        let Counters { epoch, global_step, batch_step, .. } = self.counters;
        let is_large = self.hparams.to_string().len() > LARGEST_HPARAMS;
        let hparams = if is_large { &Value::Null } else { &self.hparams };
        let whole = self.times.before + self.started.map_or(0.0, |started| started.elapsed().as_secs_f64());
        let actions = self.profile.iter().flat_map(Profile::actions);
        let Times { train, validation, steps, .. } = self.times;
        let direction = |name: &str| direction(metrics, name);
        json!({
            "format": FORMAT,
            "kind": "run",
            "version": env!("CARGO_PKG_VERSION"),
            "title": title(folder, module),
            "module": module,
            "status": self.status.map_or("running", RunStatus::name),
            "error": self.error,
            "written": SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            "seconds": milliseconds(whole),
            "progress": {
                "epoch": epoch, "max_epochs": max_epochs, "global_step": global_step, "max_steps": max_steps,
                "batch_step": batch_step,
            },
            "seed": seed.to_string(),
            "hparams": hparams,
            "hparams_left_out": is_large,
            "machine": machine,
            "curves": self.curves.to_json(direction, 1.0),
            "curves_left_out": self.curves.left_out(),
            "rates": self.rates.to_json(|_| None, SHARE_OF_RATES),
            "rate_test": self.rate_test.as_ref().map(RateTest::to_json),
            "timing": {
                "train": milliseconds(train), "validation": milliseconds(validation), "whole": milliseconds(whole),
                "steps": steps,
                "actions": actions
                    .map(|action| json!([action.name, action.calls, action.total.as_secs_f64()]))
                    .collect::<Value>(),
                "epochs": curves::curve_to_json("", &self.epochs, None, POINTS_OF_EPOCHS),
            },
            "checkpoints": self.files.describe(module, seed),
            "warnings": self.warnings,
            "warnings_left_out": self.warnings_left_out,
            "images": self.images.to_json(),
            "images_left_out": self.images.left_out(),
            "histograms": self.outputs.histograms.to_json(),
            "histograms_left_out": self.outputs.histograms.has_left_out(),
            "tables": self.outputs.tables.to_json(),
            "tables_left_out": self.outputs.tables.has_left_out(),
            "graph": self.graph,
            "texts": self.outputs.texts.to_json(),
            "texts_left_out": self.outputs.texts.has_left_out(),
        })
    }
}

/// Seconds with three decimals.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// The module and the folder of its run.
fn title(folder: &Path, module: &str) -> String {
    let version = folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if version.is_empty() { module.to_owned() } else { format!("{module} · {}", shown_name(&version)) }
}

/// A text that a page can show.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// The direction that a module declares for a metric. A name may go on with the step or epoch that
/// it is the value of, or with a loader.
fn direction(metrics: &[MetricDef], name: &str) -> Option<Direction> {
    let is_of = |def: &&MetricDef| {
        name.strip_prefix(def.name).is_some_and(|rest| matches!(rest, "" | "_step" | "_epoch") || rest.starts_with('/'))
    };
    metrics.iter().filter(is_of).max_by_key(|def| def.name.len())?.direction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::StageSet;

    #[test]
    fn the_direction_is_that_of_the_longest_name() {
        let mut loss = MetricDef::new("val", StageSet::VAL);
        loss.direction = Some(Direction::Minimize);
        let mut step = MetricDef::new("val_step", StageSet::VAL);
        step.direction = Some(Direction::Maximize);
        let all = [loss, step];
        assert_eq!(direction(&all, "val_epoch"), Some(Direction::Minimize));
        assert_eq!(direction(&all, "val/first"), Some(Direction::Minimize));
        assert_eq!(direction(&all, "val_step"), Some(Direction::Maximize));
        assert_eq!(direction(&all, "val_steps"), None);
    }

    #[test]
    fn many_warnings_and_long_texts_are_cut() {
        let mut collected = Collected::default();
        for _ in 0..60 {
            collected.warn(&"ü".repeat(3000));
        }
        assert_eq!((collected.warnings.len(), collected.warnings_left_out), (50, 10));
        assert_eq!(collected.warnings[0].chars().count(), 2001);
    }
}
