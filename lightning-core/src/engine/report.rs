//! Tells the report of a run what the loggers are not told.

use std::path::Path;

use crate::{
    checkpoint::{BURN_VERSION, git},
    engine::run::RunState,
    error::Error,
    loggers::RunStatus,
    os::machine::Machine,
    report::{About, Facts, Report},
};

/// Calls a method of the report with what it shows of the run.
fn told(run: &mut RunState, tell: impl FnOnce(&mut Report, Facts<'_>)) {
    let RunState { report, progress, console, checkpoints, .. } = run;
    let facts = Facts {
        counters: progress.counters,
        warnings: &console.warnings,
        profile: console.profile.as_ref(),
        best: checkpoints.best.as_ref(),
    };
    tell(report, facts);
    report.warn(console);
}

/// Starts the report, once the loggers have started. A logger whose folder cannot be asked for is a
/// warning: a report never ends a run.
pub(super) fn start(run: &mut RunState) {
    if !run.report.is_on() {
        return;
    }
    let folder = match run.log.loggers.dir() {
        Ok(folder) => folder.map(Path::to_path_buf),
        Err(error) => {
            run.console.warn(format!("the run has no report: {error}"));
            None
        }
    };
    let mut checkpoints = run.callbacks.checkpoint_folders.clone();
    checkpoints.extend(folder.as_ref().map(|folder| folder.join("checkpoints")));
    checkpoints.sort();
    checkpoints.dedup();
    let about = About {
        module: run.info.name,
        metrics: run.info.metrics,
        seed: run.progress.seed,
        max_epochs: run.settings.length.max_epochs,
        max_steps: run.settings.length.max_steps,
        machine: machine(run),
    };
    told(run, |report, facts| report.start(folder, about, checkpoints, facts));
}

/// The rows of the machine.
fn machine(run: &RunState) -> Vec<(&'static str, String)> {
    let Machine { processor, threads, memory, system } = Machine::look();
    let processor = processor.map(|name| format!("{name}, ")).unwrap_or_default();
    // `Device<Flex(Cpu)>` in Burn's words.
    let device = format!("{:?}", run.progress.device);
    let device = device.strip_prefix("Device<").and_then(|inner| inner.strip_suffix('>')).unwrap_or(&device);
    let mut rows = vec![("Device", device.to_owned()), ("Processor", format!("{processor}{threads} threads"))];
    rows.extend(memory.map(|bytes| ("Memory", format!("{:.1} GB", bytes as f64 / 1e9))));
    rows.push(("System", system));
    rows.push(("lightning-core", env!("CARGO_PKG_VERSION").to_owned()));
    rows.push(("Burn", BURN_VERSION.to_owned()));
    rows.extend(git::commit().map(|commit| ("Commit", commit.chars().take(12).collect())));
    rows
}

/// Adds an optimizer step whose record goes to the loggers.
pub(super) fn step(run: &mut RunState, stepped: bool) {
    if !run.report.is_on() || !stepped || !run.progress.counters.global_step.is_multiple_of(run.log.every_n_steps) {
        return;
    }
    let rates = run.train.learning_rates();
    told(run, |report, facts| report.step(&rates, facts));
}

/// Starts to measure an epoch.
pub(super) fn start_epoch(run: &mut RunState) {
    run.report.start_epoch(run.progress.counters);
}

/// Adds the time of an epoch.
pub(super) fn end_epoch(run: &mut RunState) {
    told(run, |report, facts| report.end_epoch(facts));
}

/// Gives the report the status of the run, and the error that ends it. The loggers' end writes it.
pub(super) fn end(run: &mut RunState, status: RunStatus, error: Option<&Error>) {
    let error = error.map(ToString::to_string);
    told(run, |report, facts| report.end(status, error, facts));
}
