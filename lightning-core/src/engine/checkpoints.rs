//! The checkpoints of a run: asked for anywhere, taken where a run can go on from, written off the training thread.

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

/// The file in a run's folder that names the checkpoints it has in other folders.
pub(crate) const ELSEWHERE: &str = "checkpoints.txt";

/// The folder of a run's checkpoints where nothing says otherwise.
fn default_folder(run: &RunState) -> PathBuf {
    run.log_dir().join("checkpoints")
}

/// Takes what was asked for since the last time and starts to write it. The run is at a place where it can go on from.
///
/// # Errors
/// Those of the checkpoint before, and of taking this one.
pub(crate) fn flush(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    run.checkpoints.queue.writer.poll()?;
    if run.checkpoints.queue.requests.is_empty() {
        return Ok(());
    }
    let location = run.progress.location(Some("save_checkpoint".to_owned()), false);
    // A killed process must not leave a checkpoint behind that is ahead of its logs.
    run.log.loggers.save()?;
    let snapshot = driver.snapshot(run).map_err(|error| error.at(location.clone()))?;
    let requests = std::mem::take(&mut run.checkpoints.queue.requests);
    for request in &requests {
        prepare(run, &request.path).map_err(|error| error.at(location.clone()))?;
        if let Some(text) = &request.announce {
            run.console.print(text);
        }
    }
    // The hooks have run on every process; one of them writes the file.
    if run.strategy.rank().is_global_zero() {
        run.checkpoints.queue.writer.submit(Job { snapshot, requests, location })?;
    }
    Ok(())
}

/// As [`flush`], and waits until everything is on disk.
///
/// # Errors
/// As [`flush`], and those of writing.
pub(crate) fn flush_and_wait(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    let flushed = flush(run, driver);
    let written = run.checkpoints.queue.writer.finish();
    flushed.and(written)?;
    run.strategy.barrier()
}

/// Sweeps the folder of a checkpoint once, and tells the run's own folder of files that are in another.
fn prepare(run: &mut RunState, path: &Path) -> Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    // Once: a folder that was there and is gone, as that of a lost mount, must not come back empty.
    if run.checkpoints.queue.swept.insert(folder.to_path_buf()) {
        files::create_folder(folder)?;
        files::remove_leftovers(folder);
    }
    let Some(own) = run.log.loggers.dir().map(Path::to_path_buf) else { return Ok(()) };
    if folder.starts_with(&own) || !run.checkpoints.queue.told.insert(path.to_path_buf()) {
        return Ok(());
    }
    let list = own.join(ELSEWHERE);
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut file =
        OpenOptions::new().create(true).append(true).open(&list).map_err(|error| Error::io("write", &list, error))?;
    writeln!(file, "{}", absolute.display()).map_err(|error| Error::io("write", &list, error))
}

/// Asks for a checkpoint where SIGUSR1 has come.
pub(crate) fn answer_signal(run: &mut RunState) {
    if !signals::take_save_request() || !run.settings.output.checkpointing {
        return;
    }
    let (epoch, step) = (run.progress.last_epoch, run.progress.counters.global_step);
    let path = default_folder(run).join(format!("requested-epoch={epoch}-step={step}.ckpt"));
    let mut request = SaveRequest::new(&path);
    request.to_delete.extend(run.checkpoints.queue.on_signal.replace(path.clone()).filter(|old| *old != path));
    request.announce = Some(format!("SIGUSR1: saved {}", path.display()));
    run.checkpoints.queue.requests.push(request);
}

/// Keeps what a run that a signal ends has reached, where its checkpoints are.
///
/// # Errors
/// When it cannot be written.
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
