//! The checkpoints of a run: requested anywhere, taken at a safe point, written on another thread.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    checkpoint::writer::{Job, SaveRequest},
    engine::{driver::Driver, run::RunState},
    error::{Error, Result},
    os::{files, signals},
};

/// The file in a run's folder that lists the checkpoints of the run in other folders.
pub(crate) const CHECKPOINT_LIST: &str = "checkpoints.txt";

/// The default folder of a run's checkpoints.
fn default_folder(run: &RunState) -> PathBuf {
    run.log_dir().join("checkpoints")
}

/// Takes a snapshot for the requests since the last call, and hands it to the checkpoint thread.
/// Must be called at a safe point, from which a run can resume.
///
/// # Errors
/// If the previous checkpoint could not be written, or this one cannot be taken.
pub(crate) fn flush(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    run.checkpoints.queue.writer.poll()?;
    if run.checkpoints.queue.requests.is_empty() {
        return Ok(());
    }
    let location = run.progress.location(Some("save_checkpoint".to_owned()), false);
    // Logs first: if the process is killed, no checkpoint is ahead of its logs.
    run.log.loggers.save()?;
    let snapshot = driver.snapshot(run).map_err(|error| error.at(location.clone()))?;
    let requests = std::mem::take(&mut run.checkpoints.queue.requests);
    for request in &requests {
        prepare(run, &request.path).map_err(|error| error.at(location.clone()))?;
        if let Some(text) = &request.announce {
            run.console.print(text);
        }
    }
    // Every process takes the snapshot, because its hooks run on each; one of them writes the file.
    if run.strategy.rank().is_global_zero() {
        run.checkpoints.queue.writer.submit(Job { snapshot, requests, location })?;
    }
    Ok(())
}

/// Calls [`flush`] and waits until everything is on disk.
///
/// # Errors
/// As [`flush`], and if this checkpoint cannot be written.
pub(crate) fn flush_and_wait(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    // Earlier checkpoints are written even if the last one cannot be taken.
    let flushed = flush(run, driver);
    let written = run.checkpoints.queue.writer.finish();
    flushed.and(written)?;
    run.strategy.barrier()
}

/// Creates the folder of a checkpoint and removes the leftovers of killed processes, once a folder,
/// and lists a checkpoint in another folder in the run's own.
fn prepare(run: &mut RunState, path: &Path) -> Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    // Created only once: if a folder disappears during the run, such as a lost mount, writing must
    // fail rather than continue in a new, empty folder.
    if run.checkpoints.queue.swept.insert(folder.to_path_buf()) {
        files::create_folder(folder)?;
        files::remove_leftovers(folder);
    }
    let Some(own) = run.log.loggers.dir().map(Path::to_path_buf) else { return Ok(()) };
    if folder.starts_with(&own) || !run.checkpoints.queue.listed.insert(path.to_path_buf()) {
        return Ok(());
    }
    let list = own.join(CHECKPOINT_LIST);
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut file =
        OpenOptions::new().create(true).append(true).open(&list).map_err(|error| Error::io("write", &list, error))?;
    writeln!(file, "{}", absolute.display()).map_err(|error| Error::io("write", &list, error))
}

/// Requests a checkpoint if SIGUSR1 was received.
pub(crate) fn answer_signal(run: &mut RunState) {
    if !signals::take_save_request() || !run.settings.output.checkpointing {
        return;
    }
    let (epoch, step) = (run.progress.last_epoch, run.progress.counters.global_step);
    let path = default_folder(run).join(format!("requested-epoch={epoch}-step={step}.ckpt"));
    let mut request = SaveRequest::new(&path);
    // Of the checkpoints that signals requested, the latest is kept.
    request.to_delete.extend(run.checkpoints.queue.on_signal.replace(path.clone()).filter(|old| *old != path));
    request.announce = Some(format!("SIGUSR1: saved {}", path.display()));
    run.checkpoints.queue.requests.push(request);
}

/// Saves a checkpoint of a run that a signal ends, unless checkpointing is disabled, and waits for
/// it.
///
/// # Errors
/// As [`flush_and_wait`].
pub(crate) fn save_interrupted(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    if run.settings.output.checkpointing {
        let (epoch, step) = (run.progress.last_epoch, run.progress.counters.global_step);
        let path = default_folder(run).join(format!("interrupted-epoch={epoch}-step={step}.ckpt"));
        let mut request = SaveRequest::new(&path);
        request.announce = Some(format!("interrupted: saved {}", path.display()));
        run.checkpoints.queue.requests.push(request);
    }
    flush_and_wait(run, driver)
}
