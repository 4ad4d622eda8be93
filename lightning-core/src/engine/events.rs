//! What runs around a body: start and end hooks, set-up and closing.

use crate::{
    engine::{
        checkpoints,
        driver::{self, Driver},
        run::{self, RunState},
    },
    error::{Error, ErrorKind, Result},
    hooks::Hook,
    loggers::RunStatus,
    os::signals,
    stage::Stage,
};

/// Runs `body` between a start hook and an end hook. The end hook runs on every way out; the first error is the one
/// given back.
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

/// As [`with_events`], for what has been started before.
pub(super) fn with_end<T>(
    run: &mut RunState,
    driver: &mut dyn Driver,
    end: Hook,
    body: impl FnOnce(&mut RunState, &mut dyn Driver) -> Result<T>,
) -> Result<T> {
    let result = body(run, driver);
    if result.is_err() {
        fail(run, driver);
    }
    let ended = driver.hook(end, run);
    let value = result?;
    ended.inspect_err(|_| fail(run, driver))?;
    Ok(value)
}

/// Tells the callbacks, once, that an error is on its way out.
pub(super) fn fail(run: &mut RunState, driver: &mut dyn Driver) {
    run.log.inbox.clear();
    if !std::mem::replace(&mut run.progress.failing, true)
        && let Err(error) = driver.hook(Hook::OnException, run)
    {
        // The first error is the one to report; this one must not hide it, nor be lost.
        run.console.warn(format!("`on_exception` failed as well: {error}"));
    }
    // What a callback asked for, before the end hooks change anything.
    if let Err(error) = checkpoints::flush(run, driver) {
        run.console.warn(format!("a checkpoint could not be written: {error}"));
    }
}

/// Runs one entry point between set-up and the closing of the loggers.
pub(crate) fn with_data<T>(
    run: &mut RunState,
    driver: &mut dyn Driver,
    body: impl FnOnce(&mut RunState, &mut dyn Driver) -> Result<T>,
) -> Result<T> {
    let result = driver.prepare_data(run).and_then(|()| driver.setup(run)).and_then(|()| {
        run.log.loggers.start(&run.hparams)?;
        body(run, driver)
    });
    let saved = checkpoints::flush_and_wait(run, driver);
    if let (Err(_), Err(error)) = (&result, &saved) {
        run.console.warn(format!("a checkpoint could not be written: {error}"));
    }
    if result.is_err() || saved.is_err() {
        fail(run, driver);
    }
    let torn_down = driver.teardown(run);
    run.console.bar.finish();
    if let Some(profile) = &mut run.console.profile {
        profile.end(run.progress.started);
        let text = profile.to_string();
        run.console.print(&text);
    }
    let status = match (&result, &torn_down) {
        _ if signals::pending() => RunStatus::Interrupted,
        (Ok(_), Ok(())) => RunStatus::Success,
        _ => RunStatus::Failed,
    };
    let closed = run.log.loggers.finalize(status);
    let value = result?;
    saved?;
    torn_down?;
    closed?;
    Ok(value)
}

/// # Errors
/// When a signal asks for the end of the run: raised between batches, so that end hooks run and files are closed.
pub(super) fn check_signals(run: &RunState, in_batch: bool) -> Result<()> {
    if !signals::pending() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Interrupted, "interrupted by a signal").at(run.progress.location(None, in_batch)))
}

/// Answers the signals that have come, and writes the checkpoints that have been asked for.
///
/// # Errors
/// Those of a checkpoint, and [`check_signals`]'.
pub(super) fn safe_point(run: &mut RunState, driver: &mut dyn Driver, in_batch: bool) -> Result<()> {
    checkpoints::answer_signal(run);
    if signals::pending() {
        checkpoints::save_interrupted(run, driver)?;
    }
    checkpoints::flush(run, driver)?;
    check_signals(run, in_batch)
}

/// Says which loader an error came from.
pub(crate) fn opened<T>(result: Result<T>, run: &RunState, stage: Stage) -> Result<T> {
    result.map_err(|error| error.at(run.progress.location(Some(stage.loader().to_owned()), false)))
}
