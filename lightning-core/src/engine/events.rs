//! Start and end hooks, errors, signals, set-up and teardown around the loops.

use crate::{
    engine::{
        checkpoints::{self, Flushed},
        driver::Driver,
        ranks, report,
        run::RunState,
    },
    error::{Error, ErrorKind, Result},
    hooks::Hook,
    loggers::RunStatus,
    os::{panics::catch_panic, signals},
    progress::Phase,
    remote,
    stage::Stage,
    trace::{self, Kind},
};

/// Runs a part of a run. The calls into user code catch their panics themselves and say where they
/// are; this catches those of code that no call is seen of, such as a destructor.
pub(super) fn guarded<T>(
    run: &mut RunState,
    driver: &mut dyn Driver,
    body: impl FnOnce(&mut RunState, &mut dyn Driver) -> Result<T>,
) -> Result<T> {
    match catch_panic(|| Ok(body(run, driver))) {
        Ok(result) => result,
        Err(error) => {
            let in_batch = run.progress.stage == Stage::Fit && run.progress.position.phase != Phase::EpochStart;
            Err(error.at(run.progress.location(None, in_batch)))
        }
    }
}

/// Runs `body` between a start hook and an end hook. The end hook also runs after an error; the
/// first error is returned.
pub(super) fn with_events<T>(
    run: &mut RunState,
    driver: &mut dyn Driver,
    (start, end): (Hook, Hook),
    body: impl FnOnce(&mut RunState, &mut dyn Driver) -> Result<T>,
) -> Result<T> {
    let started =
        |run: &mut RunState, driver: &mut dyn Driver| driver.hook(start, run).and_then(|()| body(run, driver));
    with_end(run, driver, end, started)
}

/// As [`with_events`], without the start hook.
pub(super) fn with_end<T>(
    run: &mut RunState,
    driver: &mut dyn Driver,
    end: Hook,
    body: impl FnOnce(&mut RunState, &mut dyn Driver) -> Result<T>,
) -> Result<T> {
    let result = guarded(run, driver, body);
    if let Err(error) = &result {
        fail(run, driver, error);
    }
    // The part of the run that is left for an earlier checkpoint has no end.
    let is_left = result.is_ok() && run.progress.roll_back.is_some();
    let ended = if is_left { Ok(()) } else { driver.hook(end, run) };
    let value = result?;
    ended.inspect_err(|error| fail(run, driver, error))?;
    Ok(value)
}

/// Tells the other processes, runs `on_exception`, once for each entry point, and writes the
/// requested checkpoints.
pub(super) fn fail(run: &mut RunState, driver: &mut dyn Driver, error: &Error) {
    tell_others(run, error);
    // What the failed step or hook logged is incomplete.
    run.log.inbox.clear();
    if !std::mem::replace(&mut run.progress.failing, true)
        && let Err(error) = driver.hook(Hook::OnException, run)
    {
        // The run returns the first error; this one must not be lost.
        run.console.warn(format!("`on_exception` failed as well: {error}"));
    }
    // A callback may have requested a checkpoint; it is taken before end hooks change the module.
    let flushed = guarded(run, driver, |run, driver| Ok(checkpoints::try_flush(run, driver)));
    warn_of(run, flushed.unwrap_or_else(Flushed::failed));
}

/// Tells the other processes of an error, unless it is an interruption on which all have agreed: they
/// can still exchange what a checkpoint needs.
fn tell_others(run: &mut RunState, error: &Error) {
    if error.kind() != ErrorKind::Interrupted || !signals::pending() {
        run.strategy.fail(error);
    }
}

/// Warns of checkpoints and logs that could not be saved in a run that ends with another error.
fn warn_of(run: &mut RunState, Flushed { saved, logged }: Flushed) {
    if let Err(error) = saved {
        run.console.warn(format!("a checkpoint could not be written: {error}"));
    }
    if let Err(error) = logged {
        run.console.warn(format!("the log could not be saved: {error}"));
    }
}

/// Runs one entry point: set-up, `body`, the last checkpoints, teardown and the loggers' end. A
/// signal that comes after the last safe point is not an error here: the caller asks for it.
pub(crate) fn with_data<T>(
    run: &mut RunState,
    driver: &mut dyn Driver,
    body: impl FnOnce(&mut RunState, &mut dyn Driver) -> Result<T>,
) -> Result<T> {
    let attached = run.console.record(run.settings.run.profiler.as_ref())?;
    let span = trace::span(Kind::Loop, "run");
    let mut result = guarded(run, driver, |run, driver| {
        set_up(run, driver)?;
        body(run, driver)
    });
    if result.is_ok() && run.progress.stage == Stage::Fit {
        result = checkpoints::answer_signal(run).and(result);
    }
    // Before any exchange for a checkpoint: the others are elsewhere.
    if let Err(error) = &result {
        tell_others(run, error);
    }
    let flushed = guarded(run, driver, |run, driver| Ok(checkpoints::try_flush_and_wait(run, driver)));
    let flushed = flushed.unwrap_or_else(Flushed::failed);
    match flushed.is_ok() {
        true => {}
        false if result.is_err() => warn_of(run, flushed),
        false => result = flushed.result().and(result),
    }
    if let Err(error) = &result {
        fail(run, driver, error);
    } else if signals::pending() {
        // A signal that came since the last safe point.
        let error = interrupted(run, false);
        fail(run, driver, &error);
    }
    // What goes wrong from here on is the error of this process alone.
    run.strategy.close();
    // What the failed run has still requested is on disk before the data is torn down.
    if let Err(error) = run.checkpoints.queue.finish(&mut run.console) {
        warn_of(run, Flushed::failed(error));
    }
    let torn_down = guarded(run, driver, |run, driver| driver.teardown(run));
    run.console.bar.finish();
    drop(span);
    drop(attached);
    run.console.end_profile(run.progress.started);
    let status = match (&result, &torn_down) {
        _ if signals::pending() => RunStatus::Interrupted,
        (Ok(_), Ok(())) => RunStatus::Success,
        _ => RunStatus::Failed,
    };
    report::end(run, status, result.as_ref().err().or(torn_down.as_ref().err()));
    run.pass_written();
    run.log.pass_printed(&mut run.console);
    let closed = run.log.loggers.finalize(status).map_err(|error| error.at(run.progress.location(None, false)));
    run.log.loggers.take_warnings().into_iter().for_each(|text| run.console.warn(text));
    if run.strategy.rank().is_global_zero() {
        run.upload_logs();
        remote::finish().into_iter().for_each(|text| run.console.warn(format!("not everything is uploaded: {text}")));
    }
    run.report.warn(&mut run.console);
    let value = result?;
    torn_down?;
    closed?;
    Ok(value)
}

/// # Errors
/// If a signal requested the end of the run. The check is between batches and not in the handler,
/// so that end hooks run and files are closed.
pub(super) fn check_signals(run: &RunState, in_batch: bool) -> Result<()> {
    if !signals::pending() {
        return Ok(());
    }
    Err(interrupted(run, in_batch))
}

/// The error of a run that a signal ends.
pub(crate) fn interrupted(run: &RunState, in_batch: bool) -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted by a signal").at(run.progress.location(None, in_batch))
}

/// Handles signals and takes the requested checkpoints, at a point from which a run can resume.
///
/// # Errors
/// If a checkpoint fails, and as [`check_signals`].
pub(super) fn safe_point(run: &mut RunState, driver: &mut dyn Driver, in_batch: bool) -> Result<()> {
    if !ranks::may_decide(run) {
        return Ok(());
    }
    ranks::agree(run)?;
    checkpoints::answer_signal(run)?;
    if signals::pending() {
        checkpoints::save_interrupted(run, driver)?;
    }
    checkpoints::flush(run, driver)?;
    check_signals(run, in_batch)
}

/// Adds to an error which loader could not be opened.
pub(crate) fn opened<T>(result: Result<T>, run: &RunState, stage: Stage) -> Result<T> {
    result.map_err(|error| error.at(run.progress.location(Some(stage.loader().to_owned()), false)))
}

/// Prepares the data once on each machine, runs `setup` and starts the loggers.
fn set_up(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    ranks::check_program(run)?;
    if run.strategy.rank().is_local_zero() {
        driver.prepare_data(run)?;
    }
    // `setup` reads what another process of the machine may have prepared.
    let at = ranks::point(run, "prepare_data");
    run.strategy.barrier(at)?;
    driver.setup(run)?;
    if run.strategy.rank().is_global_zero() {
        run.log.loggers.start(&run.hparams).map_err(|error| error.at(run.progress.location(None, false)))?;
        open_trace(run).map_err(|error| error.at(run.progress.location(None, false)))?;
        report::start(run);
    }
    ranks::share_log_dir(run)
}

/// Opens the file of the profiler's trace, in the folder of the run.
fn open_trace(run: &RunState) -> Result<()> {
    let profiler = run.settings.run.profiler.as_ref();
    if run.console.recorder.is_none() {
        return Ok(());
    }
    let folder = run.log.loggers.dir()?.unwrap_or(&run.settings.output.root);
    run.console.open_trace(profiler, folder)
}
