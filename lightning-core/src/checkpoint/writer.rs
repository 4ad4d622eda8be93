//! Writes checkpoints on a thread of their own: one job at a time, and no error is lost.

#[cfg(unix)]
use std::fs;
use std::{
    convert::Infallible,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

#[cfg(unix)]
use super::reader::pointer_target;
use super::{reader::pointer_text, snapshot::Snapshot};
use crate::{
    error::{Error, ErrorKind, Location, Result},
    os::{files, panics::panic_message},
    remote,
    trace::{self, Kind},
};

/// A requested file, to be written at the next point that a run can resume from.
#[derive(Clone, Debug)]
pub(crate) struct SaveRequest {
    pub(crate) path: PathBuf,
    pub(crate) weights_only: bool,
    /// A file that will point to this one.
    pub(crate) pointer: Option<PathBuf>,
    /// Files to remove when this one is in place.
    pub(crate) to_delete: Vec<PathBuf>,
    /// The line to print once the file is written.
    pub(crate) announce: Option<String>,
}

impl SaveRequest {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), weights_only: false, pointer: None, to_delete: Vec::new(), announce: None }
    }

    /// Writes the pointer and removes the old files, once the file is in place.
    fn finish(&self, announced: &Announced) -> Result<()> {
        let Self { path, weights_only: _, pointer, to_delete, announce } = self;
        remote::written(path)?;
        if let Some(text) = announce {
            announced.lock().unwrap_or_else(PoisonError::into_inner).push(text.clone());
        }
        if let Some(pointer) = pointer {
            point(pointer, path)?;
        }
        to_delete.iter().try_for_each(|old| remove(old))
    }
}

/// Writes a pointer to another file in its folder. A pointer that is a link to a checkpoint, as
/// PyTorch Lightning writes, becomes a link to `target`.
///
/// # Errors
/// If the pointer cannot be written.
pub(crate) fn point(pointer: &Path, target: &Path) -> Result<()> {
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    #[cfg(unix)]
    if is_link_to_checkpoint(pointer) {
        // The text would be written into the checkpoint that the link leads to.
        return files::replace_link(pointer, Path::new(&name));
    }
    files::write_atomic(pointer, |writer| io::Write::write_all(writer, pointer_text(&name).as_bytes()))?;
    remote::pointed(pointer, target)
}

/// Whether `path` is a link to a checkpoint, or to one that was removed.
#[cfg(unix)]
fn is_link_to_checkpoint(path: &Path) -> bool {
    let Ok(target) = fs::read_link(path) else { return false };
    match fs::metadata(path) {
        // An empty file is one that a pointer may be written to.
        Ok(metadata) if !metadata.is_file() || metadata.len() == 0 => false,
        Ok(_) => !matches!(pointer_target(path), Ok(Some(_))),
        Err(_) => target.extension().is_some_and(|extension| extension == "ckpt") && target.components().count() == 1,
    }
}

/// Removes a file, or a link but not the file that it leads to. It is not an error if nothing is
/// there. A device, FIFO or socket stays. One that is uploaded is removed once what was written before
/// is in the storage.
///
/// # Errors
/// If the file cannot be removed.
pub(crate) fn remove(path: &Path) -> Result<()> {
    if remote::removes(path)? {
        return Ok(());
    }
    files::remove(path).map_err(|error| Error::io("remove the old checkpoint", path, error))
}

/// The files to write from one snapshot.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) snapshot: Snapshot,
    pub(crate) requests: Vec<SaveRequest>,
    /// The position of the run, for errors.
    pub(crate) location: Location,
}

impl Job {
    /// Writes the files. `memory` is dropped with the tensors, which is before the last file is in
    /// place. A file that cannot be written leaves the others alone; the first error is returned.
    fn run(self, memory: Sender<Infallible>, announced: &Announced) -> Result<()> {
        let Self { snapshot, requests, location } = self;
        let Some((last, others)) = requests.split_last() else { return Ok(()) };
        let mut first = Ok(());
        for request in others {
            let written = snapshot.write(&request.path, request.weights_only);
            first = first.and(written.and_then(|()| request.finish(announced)));
        }
        let written = snapshot.write_last(&last.path, last.weights_only, || drop(memory));
        first.and(written.and_then(|()| last.finish(announced))).map_err(|error| error.at(location))
    }
}

/// The lines of files that are written, and not printed yet.
type Announced = Mutex<Vec<String>>;

/// Writes checkpoints on a thread of its own, at most one at a time.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    running: Option<JoinHandle<Result<()>>>,
    /// When the last job started, and a channel that closes when it has dropped the shared tensors.
    memory: Option<(Instant, Receiver<Infallible>)>,
    paths: Vec<PathBuf>,
    announced: Arc<Announced>,
    /// The files of jobs that have ended without an error.
    written: Vec<PathBuf>,
    /// Whether a job has a line to print, so that the lock is not taken for those without.
    announces: bool,
}

impl Writer {
    /// Starts a job after waiting for the previous one.
    ///
    /// # Errors
    /// Those of the previous job; the new one is then not started.
    pub(crate) fn submit(&mut self, job: Job) -> Result<()> {
        self.finish()?;
        self.paths = job.requests.iter().map(|request| request.path.clone()).collect();
        let (memory, open) = channel();
        self.memory = job.snapshot.is_shared().then(|| (Instant::now(), open));
        self.announces |= job.requests.iter().any(|request| request.announce.is_some());
        let announced = Arc::clone(&self.announced);
        let thread = thread::Builder::new().name("checkpoint".to_owned());
        let recorder = trace::current();
        let write = move || {
            let _attached = recorder.map(|recorder| recorder.attach("checkpoint writer"));
            let _span = trace::span(Kind::Checkpoint, "write_checkpoint");
            job.run(memory, &announced)
        };
        let running = thread.spawn(write).map_err(|error| {
            Error::new(ErrorKind::Io, "the thread that writes checkpoints could not be started").caused_by(error)
        })?;
        self.running = Some(running);
        Ok(())
    }

    /// Checks the result of the last job, if it has ended.
    ///
    /// # Errors
    /// Those of the job.
    pub(crate) fn poll(&mut self) -> Result<()> {
        match &self.running {
            Some(running) if running.is_finished() => self.finish(),
            _ => Ok(()),
        }
    }

    /// Waits, once for each job, until the shared tensors are written: an optimizer step that
    /// changes a shared tensor copies it first, which takes time and memory. The wait is at most as
    /// long as the time since the job started, so that a slow disk does not stop training.
    pub(crate) fn wait_for_memory(&mut self) {
        if let Some((since, memory)) = self.memory.take() {
            // Nothing is ever sent: the call returns when the channel closes or the time is over.
            let _ = memory.recv_timeout(since.elapsed());
        }
    }

    /// Returns the lines of the files that have been written since the last call.
    pub(crate) fn take_announced(&mut self) -> Vec<String> {
        if !self.announces {
            return Vec::new();
        }
        self.announces = self.running.is_some();
        std::mem::take(&mut *self.announced.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The files that have been written since the last call.
    pub(crate) fn take_written(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.written)
    }

    /// The files of the last job, written or not.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Waits for the last job.
    ///
    /// # Errors
    /// Those of the job.
    pub(crate) fn finish(&mut self) -> Result<()> {
        match self.running.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => {
                if result.is_ok() {
                    self.written.extend(self.paths.iter().cloned());
                }
                result
            }
            Some(Err(panic)) => {
                Err(Error::new(ErrorKind::Panic, format!("writing a checkpoint panicked: {}", panic_message(panic))))
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // After a panic the current file is still finished, but its error cannot be returned.
        let _ = self.finish();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{sync::mpsc::sync_channel, time::Duration};

    use super::*;

    /// A writer whose job started `age` ago and shares tensors until the returned sender is
    /// dropped.
    fn writing(age: Duration) -> (Writer, Sender<Infallible>) {
        let (held, open) = channel();
        let memory = Some((Instant::now().checked_sub(age).unwrap(), open));
        let writer = Writer {
            running: None,
            memory,
            paths: Vec::new(),
            announced: Arc::default(),
            written: Vec::new(),
            announces: false,
        };
        (writer, held)
    }

    #[test]
    fn memory_is_waited_for_until_it_is_free() {
        let (mut writer, held) = writing(Duration::from_secs(3600));
        let (ready, wait) = sync_channel(0);
        thread::scope(|scope| {
            scope.spawn(move || {
                wait.recv().unwrap();
                drop(held);
            });
            ready.send(()).unwrap();
            writer.wait_for_memory();
        });
        assert!(writer.memory.is_none());
    }

    #[test]
    fn memory_that_does_not_come_is_given_up_once_it_has_taken_twice_as_long() {
        let age = Duration::from_millis(30);
        let (mut writer, held) = writing(age);
        let started = Instant::now();
        writer.wait_for_memory();
        assert!(started.elapsed() >= age);
        // It waits once for each job: the shared tensors have been copied by then.
        assert!(writer.memory.is_none());
        drop(held);
    }
}
