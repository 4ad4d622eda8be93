//! The half of a report that the engine tells what loggers do not see.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{
    collected::{About, Collected},
    curve::Point,
    earlier,
    logger::{ReportLogger, Shared, lock, write},
    rate_test::RateTest,
};
use crate::{
    checkpoint::BestCheckpoint,
    console::{output::Console, profiler::Profile},
    loggers::{LogPosition, Logger, RunStatus},
    progress::Counters,
    stage::Stage,
};

/// What is looked at is copied at most so often.
const INTERVAL: Duration = Duration::from_secs(1);

/// The engine's half of a report. Without a page it does nothing.
#[derive(Debug, Default)]
pub(crate) struct Report {
    shared: Option<Shared>,
    /// The number of warnings of the console that are in the page.
    warnings: usize,
    observed: Option<Instant>,
    /// When the epoch started, and the number of optimizer steps at that time.
    epoch: Option<(Instant, u64)>,
    /// The time of validation in the epoch.
    validation: Duration,
}

/// What a page shows of the state of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) counters: Counters,
    pub(crate) warnings: &'a [String],
    pub(crate) profile: Option<&'a Profile>,
    pub(crate) best: Option<&'a BestCheckpoint>,
}

impl Report {
    /// A report and the logger that belongs to it.
    pub(crate) fn new() -> (Self, Box<dyn Logger>) {
        let shared = Arc::new(Mutex::new(Collected::default()));
        let logger = ReportLogger { shared: shared.clone() };
        (Self { shared: Some(shared), ..Self::default() }, Box::new(logger))
    }

    /// Whether there is a page.
    pub(crate) fn is_on(&self) -> bool {
        self.shared.is_some()
    }

    /// Starts an entry point in the folder of the run, once the loggers have started: takes up what
    /// an earlier process has collected, and writes the page. Without a folder there is no page.
    pub(crate) fn start(&mut self, folder: Option<PathBuf>, about: About, checkpoints: Vec<PathBuf>, facts: Facts<'_>) {
        let Some(shared) = &self.shared else { return };
        let Some(folder) = folder else {
            self.shared = None;
            return;
        };
        let mut collected = lock(shared);
        let is_new = collected.folder.as_ref() != Some(&folder);
        if let Some(checkpoint) = collected.resume.take().filter(|_| is_new) {
            earlier::take_up(&mut collected, &folder, checkpoint);
        }
        collected.folder = Some(folder);
        collected.about = about;
        collected.files.folders = checkpoints;
        (collected.status, collected.error) = (None, None);
        collected.started = Some(Instant::now());
        drop(collected);
        self.warnings = 0;
        self.observe(facts);
        if let Some(shared) = &self.shared {
            write(shared);
        }
    }

    /// Copies what has changed.
    pub(crate) fn observe(&mut self, facts: Facts<'_>) {
        let Some(shared) = &self.shared else { return };
        let Facts { counters, warnings, profile, best } = facts;
        self.observed = Some(Instant::now());
        let mut collected = lock(shared);
        collected.counters = counters;
        for warning in warnings.iter().skip(self.warnings) {
            collected.warn(warning);
        }
        self.warnings = warnings.len();
        collected.profile = profile.cloned();
        collected.files.best = best.cloned();
    }

    /// Adds the learning rates after an optimizer step that is logged, and looks at the rest.
    pub(crate) fn step(&mut self, rates: &[(String, f64)], facts: Facts<'_>) {
        let Some(shared) = &self.shared else { return };
        let mut collected = lock(shared);
        for (name, lr) in rates {
            collected.rates.push(name, point(facts.counters, *lr));
        }
        drop(collected);
        if self.observed.is_none_or(|observed| observed.elapsed() >= INTERVAL) {
            self.observe(facts);
        }
    }

    /// Shows the test of learning rates that the run has begun with.
    pub(crate) fn rates_tested(&self, test: RateTest) {
        if let Some(shared) = &self.shared {
            lock(shared).rate_test = Some(test);
        }
    }

    /// Starts to measure an epoch.
    pub(crate) fn start_epoch(&mut self, counters: Counters) {
        self.validation = Duration::ZERO;
        self.epoch = self.is_on().then(|| (Instant::now(), counters.global_step));
    }

    /// Adds a validation within the epoch.
    pub(crate) fn validated(&mut self, time: Duration) {
        self.validation += time;
    }

    /// Adds the time of the epoch.
    pub(crate) fn end_epoch(&mut self, facts: Facts<'_>) {
        let seconds = self.measure(facts.counters);
        if let (Some(shared), Some(seconds)) = (&self.shared, seconds) {
            lock(shared).epoch(point(facts.counters, seconds));
        }
        self.observe(facts);
    }

    /// Adds the time since the start of the epoch to the times of the run, and returns it.
    fn measure(&mut self, counters: Counters) -> Option<f64> {
        let (Some(shared), Some((since, steps))) = (&self.shared, self.epoch.take()) else { return None };
        let (whole, validation) = (since.elapsed(), std::mem::take(&mut self.validation));
        let times = &mut lock(shared).times;
        times.validation += validation.as_secs_f64();
        times.train += whole.saturating_sub(validation).as_secs_f64();
        times.steps += counters.global_step.saturating_sub(steps);
        Some(whole.as_secs_f64())
    }

    /// Ends the run. The page is written when the loggers are finalized.
    pub(crate) fn end(&mut self, status: RunStatus, error: Option<String>, facts: Facts<'_>) {
        self.measure(facts.counters);
        self.observe(facts);
        if let Some(shared) = &self.shared {
            lock(shared).end(status, error);
        }
    }

    /// Warns, once, if the page could not be written.
    pub(crate) fn warn(&self, console: &mut Console) {
        if let Some(fault) = self.shared.as_ref().and_then(|shared| lock(shared).take_fault()) {
            console.warn(fault);
        }
    }
}

fn point(counters: Counters, value: f64) -> Point {
    let Counters { epoch, batch_step, global_step, .. } = counters;
    Point::new(LogPosition::new(Stage::Fit, epoch, None, batch_step, global_step), 1, value)
}
