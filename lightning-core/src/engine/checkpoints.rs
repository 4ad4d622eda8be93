//! The checkpoints of a run: requested anywhere, taken at a safe point, written on another thread.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    checkpoint::writer::{Job, SaveRequest},
    engine::{driver::Driver, ranks, run::RunState},
    error::{Error, Result},
    os::{files, signals},
    trace::{self, Kind},
};

/// The file in a run's folder that lists the checkpoints of the run in other folders.
pub(crate) const CHECKPOINT_LIST: &str = "checkpoints.txt";

/// The default folder of a run's checkpoints.
///
/// # Errors
/// If a logger panics.
fn default_folder(run: &RunState) -> Result<PathBuf> {
    let own = run.log.loggers.dir().map_err(|error| error.at(run.progress.location(None, false)))?;
    Ok(own.unwrap_or(&run.settings.output.root).join("checkpoints"))
}

/// What became of the requested checkpoints, and of the logs that are saved before them.
pub(crate) struct Flushed {
    pub(crate) saved: Result<()>,
    pub(crate) logged: Result<()>,
}

impl Flushed {
    pub(crate) fn failed(error: Error) -> Self {
        Self { saved: Err(error), logged: Ok(()) }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.saved.is_ok() && self.logged.is_ok()
    }

    /// # Errors
    /// The first error.
    pub(crate) fn result(self) -> Result<()> {
        self.saved.and(self.logged)
    }
}

/// Takes a snapshot for the requests since the last call, and hands it to the checkpoint thread.
/// Must be called at a safe point, from which a run can resume.
///
/// # Errors
/// If the previous checkpoint could not be written, this one cannot be taken, or the loggers cannot
/// save; this one is then written all the same.
pub(crate) fn flush(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    try_flush(run, driver).result()
}

/// As [`flush`], with the errors of checkpoints and of loggers apart.
pub(crate) fn try_flush(run: &mut RunState, driver: &mut dyn Driver) -> Flushed {
    let polled = run.checkpoints.queue.poll(&mut run.console);
    run.pass_written();
    if !ranks::may_decide(run) {
        // Only after an error: each process has gradients of an update that is not complete.
        if !std::mem::take(&mut run.checkpoints.queue.requests).is_empty() {
            run.console.warn(
                "no checkpoint is saved between the batches of one optimizer step of several processes".to_owned(),
            );
        }
        return Flushed { saved: polled, logged: Ok(()) };
    }
    // After an error the processes exchange nothing more.
    if !run.strategy.is_open() && run.train.optimizers.iter().any(|optimizer| optimizer.shard().is_some()) {
        if !std::mem::take(&mut run.checkpoints.queue.requests).is_empty() {
            run.console.warn(
                "no checkpoint is saved after an error, because other processes keep a part of the optimizer's state"
                    .to_owned(),
            );
        }
        return Flushed { saved: polled, logged: Ok(()) };
    }
    let saves = polled.and_then(|()| ranks::saves(run));
    match saves {
        Ok(true) => {}
        Ok(false) => return Flushed { saved: Ok(()), logged: Ok(()) },
        Err(error) => return Flushed::failed(error),
    }
    // Logs first: if the process is killed, no checkpoint is ahead of its logs. The checkpoint does
    // not depend on them: it may be on another disk.
    let location = run.progress.location(None, false);
    let logged = run.log.loggers.save().map_err(|error| error.at(location));
    Flushed { saved: submit(run, driver), logged }
}

/// Takes the snapshot, and hands it to the checkpoint thread.
fn submit(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    let _span = trace::span(Kind::Checkpoint, "save_checkpoint");
    let location = run.progress.location(Some("save_checkpoint".to_owned()), false);
    ranks::average_statistics(run, driver)?;
    ranks::gather_metrics(run)?;
    if !run.strategy.rank().is_alone() {
        ranks::collect_states(run, &driver.parameters()?)?;
    }
    let snapshot = driver.snapshot(run).map_err(|error| error.at(location.clone()));
    ranks::drop_states_of_others(run);
    let snapshot = snapshot?;
    let mut requests = std::mem::take(&mut run.checkpoints.queue.requests);
    // Every process takes the snapshot, because its hooks run on each; one of them writes the file.
    if !run.strategy.rank().is_global_zero() {
        return Ok(());
    }
    // A folder that cannot be written to leaves the checkpoints in other folders alone.
    let mut prepared = Ok(());
    requests.retain(|request| {
        let result = prepare(run, &request.path);
        let ready = result.is_ok();
        if prepared.is_ok() {
            prepared = result;
        }
        ready
    });
    let job = Job { snapshot, requests, location: location.clone() };
    let submitted = run.checkpoints.queue.submit(job, &mut run.console);
    prepared.map_err(|error| error.at(location)).and(submitted)
}

/// Calls [`flush`] and waits until everything is on disk.
///
/// # Errors
/// As [`flush`], and if this checkpoint cannot be written.
pub(crate) fn flush_and_wait(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    try_flush_and_wait(run, driver).result()
}

/// As [`flush_and_wait`], with the errors of checkpoints and of loggers apart.
pub(crate) fn try_flush_and_wait(run: &mut RunState, driver: &mut dyn Driver) -> Flushed {
    // Earlier checkpoints are written even if the last one cannot be taken.
    let Flushed { saved, logged } = try_flush(run, driver);
    let written = run.checkpoints.queue.finish(&mut run.console);
    run.pass_written();
    let at = ranks::point(run, "the last checkpoint");
    let saved = saved.and(written).and_then(|()| run.strategy.barrier(at));
    Flushed { saved, logged }
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
    let Some(own) = run.log.loggers.dir()?.map(Path::to_path_buf) else { return Ok(()) };
    if folder.starts_with(&own) || !run.checkpoints.queue.listed.insert(path.to_path_buf()) {
        return Ok(());
    }
    let list = own.join(CHECKPOINT_LIST);
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let listed = files::check_appendable(&list)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(&list))
        .and_then(|mut file| writeln!(file, "{}", absolute.display()));
    // The list is part of the log, on whose disk the checkpoint does not depend.
    if let Err(error) = listed {
        run.console.warn(format!(
            "a run that is resumed from {} starts a new version of the log: {}",
            path.display(),
            Error::io("write", &list, error)
        ));
    }
    Ok(())
}

/// Requests a checkpoint if SIGUSR1 was received.
///
/// # Errors
/// If a logger panics.
pub(crate) fn answer_signal(run: &mut RunState) -> Result<()> {
    if !signals::take_save_request() || !run.settings.output.checkpointing {
        return Ok(());
    }
    let (epoch, step) = (run.progress.last_epoch, run.progress.counters.global_step);
    let path = default_folder(run)?.join(format!("requested-epoch={epoch}-step={step}.ckpt"));
    let mut request = SaveRequest::new(&path);
    // Of the checkpoints that signals requested, the latest is kept.
    request.to_delete.extend(run.checkpoints.queue.on_signal.replace(path.clone()).filter(|old| *old != path));
    request.announce = Some(format!("SIGUSR1: saved {}", path.display()));
    run.checkpoints.queue.requests.push(request);
    Ok(())
}

/// Saves a checkpoint of a run that a signal ends, unless checkpointing is disabled, and waits for
/// it.
///
/// # Errors
/// As [`flush_and_wait`].
pub(crate) fn save_interrupted(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    if run.settings.output.checkpointing {
        let (epoch, step) = (run.progress.last_epoch, run.progress.counters.global_step);
        let path = default_folder(run)?.join(format!("interrupted-epoch={epoch}-step={step}.ckpt"));
        let mut request = SaveRequest::new(&path);
        request.announce = Some(format!("interrupted: saved {}", path.display()));
        run.checkpoints.queue.requests.push(request);
    }
    flush_and_wait(run, driver)
}
