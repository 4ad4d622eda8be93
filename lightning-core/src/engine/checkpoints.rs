//! The checkpoints of a run: asked for anywhere, taken where a run can go on from, written off the training thread.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    checkpoint::writer::{Job, SaveRequest, Writer},
    engine::{driver::Driver, run::RunState},
    error::{Error, Result},
    os::{files, signals},
};

/// The file in a run's folder that names the checkpoints it has in other folders.
pub(crate) const ELSEWHERE: &str = "checkpoints.txt";

/// What has been asked for, and what is being written.
#[derive(Debug, Default)]
pub(crate) struct Saving {
    pub(crate) requests: Vec<SaveRequest>,
    pub(crate) writer: Writer,
    /// The checkpoint of the last SIGUSR1, which the next one replaces.
    on_signal: Option<PathBuf>,
    /// Folders in which the leftovers of killed processes have been looked for.
    swept: BTreeSet<PathBuf>,
    /// Files outside of the run's folder that it has been told of.
    told: BTreeSet<PathBuf>,
}

impl Saving {
    /// Whether the file is about to be written.
    pub(crate) fn has_asked_for(&self, path: &Path) -> bool {
        self.requests.iter().any(|request| request.path == path)
    }

    /// Whether the file is being written right now.
    pub(crate) fn is_writing(&self, path: &Path) -> bool {
        self.writer.paths().iter().any(|writing| writing == path)
    }
}

/// The folder of a run's checkpoints where nothing says otherwise.
pub(crate) fn default_folder(run: &RunState) -> PathBuf {
    run.log_dir().join("checkpoints")
}

/// Takes what was asked for since the last time and starts to write it. The run is at a place where it can go on from.
///
/// # Errors
/// Those of the checkpoint before, and of taking this one.
pub(crate) fn flush(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    run.saving.writer.poll()?;
    if run.saving.requests.is_empty() {
        return Ok(());
    }
    let location = run.location(Some("save_checkpoint".to_owned()), false);
    // A killed process must not leave a checkpoint behind that is ahead of its logs.
    run.loggers.save()?;
    let image = driver.image(run).map_err(|error| error.at(location.clone()))?;
    let requests = std::mem::take(&mut run.saving.requests);
    for request in &requests {
        prepare(run, &request.path).map_err(|error| error.at(location.clone()))?;
        if let Some(text) = &request.announce {
            run.print(text);
        }
    }
    run.saving.writer.submit(Job { image, requests, location })
}

/// As [`flush`], and waits until everything is on disk.
///
/// # Errors
/// As [`flush`], and those of writing.
pub(crate) fn flush_and_wait(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    let flushed = flush(run, driver);
    let written = run.saving.writer.finish();
    flushed.and(written)
}

/// Sweeps the folder of a checkpoint once, and tells the run's own folder of files that are in another.
fn prepare(run: &mut RunState, path: &Path) -> Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    // Once: a folder that was there and is gone, as that of a lost mount, must not come back empty.
    if run.saving.swept.insert(folder.to_path_buf()) {
        files::create_folder(folder)?;
        files::remove_leftovers(folder);
    }
    let Some(own) = run.loggers.dir().map(Path::to_path_buf) else { return Ok(()) };
    if folder.starts_with(&own) || !run.saving.told.insert(path.to_path_buf()) {
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
    let (epoch, step) = (run.last_epoch, run.progress.global_step);
    let path = default_folder(run).join(format!("requested-epoch={epoch}-step={step}.ckpt"));
    let mut request = SaveRequest::new(&path);
    request.to_delete.extend(run.saving.on_signal.replace(path.clone()).filter(|old| *old != path));
    request.announce = Some(format!("SIGUSR1: saved {}", path.display()));
    run.saving.requests.push(request);
}

/// Keeps what a run that a signal ends has reached, where its checkpoints are.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn save_interrupted(run: &mut RunState, driver: &mut dyn Driver) -> Result<()> {
    if run.settings.output.checkpointing {
        let (epoch, step) = (run.last_epoch, run.progress.global_step);
        let path = default_folder(run).join(format!("interrupted-epoch={epoch}-step={step}.ckpt"));
        let mut request = SaveRequest::new(&path);
        request.announce = Some(format!("interrupted: saved {}", path.display()));
        run.saving.requests.push(request);
    }
    flush_and_wait(run, driver)
}
