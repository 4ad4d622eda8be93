//! Writing off the training thread: one job at a time, and no error lost.

use std::{
    convert::Infallible,
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::Instant,
};

use super::{reader::pointer_text, snapshot::Snapshot};
use crate::{
    error::{Error, ErrorKind, Location, Result},
    os::{files, panics::panic_message},
};

/// A file that was asked for, to be written at the next place where a run can go on from.
#[derive(Clone, Debug)]
pub(crate) struct SaveRequest {
    pub(crate) path: PathBuf,
    pub(crate) weights_only: bool,
    /// A file that is to point to this one.
    pub(crate) pointer: Option<PathBuf>,
    /// Files that go when this one is in place.
    pub(crate) to_delete: Vec<PathBuf>,
    /// What to print when it is written.
    pub(crate) announce: Option<String>,
}

impl SaveRequest {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), weights_only: false, pointer: None, to_delete: Vec::new(), announce: None }
    }

    /// What follows once the file is there.
    fn finish(&self) -> Result<()> {
        let Self { path, weights_only: _, pointer, to_delete, announce: _ } = self;
        if let Some(pointer) = pointer {
            point(pointer, path)?;
        }
        to_delete.iter().try_for_each(|old| remove(old))
    }
}

/// Makes one file point to another of its folder.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn point(pointer: &Path, target: &Path) -> Result<()> {
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    files::write_atomic(pointer, |writer| io::Write::write_all(writer, pointer_text(&name).as_bytes()))
}

/// Removes a file that is no longer wanted; one that is gone already is gone.
///
/// # Errors
/// When it is there and stays.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove the old checkpoint", path, error))
        }
        _ => Ok(()),
    }
}

/// What is written in one go, of one image.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) snapshot: Snapshot,
    pub(crate) requests: Vec<SaveRequest>,
    /// Where the run was, for an error.
    pub(crate) location: Location,
}

impl Job {
    /// `memory` is dropped when the tensors are, which is before the file is in place.
    fn run(self, memory: Sender<Infallible>) -> Result<()> {
        let Self { snapshot, requests, location } = self;
        Self::write(snapshot, &requests, memory).map_err(|error| error.at(location))
    }

    fn write(snapshot: Snapshot, requests: &[SaveRequest], memory: Sender<Infallible>) -> Result<()> {
        let Some((last, others)) = requests.split_last() else { return Ok(()) };
        for request in others {
            snapshot.write(&request.path, request.weights_only)?;
            request.finish()?;
        }
        snapshot.write_last(&last.path, last.weights_only, || drop(memory))?;
        last.finish()
    }
}

/// Writes checkpoints on a thread of its own, at most one at a time.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    running: Option<JoinHandle<Result<()>>>,
    /// Open as long as the last job has tensors that the run goes on with.
    memory: Option<(Instant, Receiver<Infallible>)>,
    paths: Vec<PathBuf>,
}

impl Writer {
    /// Starts a job once the one before has ended.
    ///
    /// # Errors
    /// Those of the job before, which then keep this one from starting.
    pub(crate) fn submit(&mut self, job: Job) -> Result<()> {
        self.finish()?;
        self.paths = job.requests.iter().map(|request| request.path.clone()).collect();
        let (memory, open) = channel();
        self.memory = job.snapshot.is_shared().then(|| (Instant::now(), open));
        let thread = thread::Builder::new().name("checkpoint".to_owned());
        let running = thread.spawn(move || job.run(memory)).map_err(|error| {
            Error::new(ErrorKind::Io, "no thread could be started to write a checkpoint").caused_by(error)
        })?;
        self.running = Some(running);
        Ok(())
    }

    /// Whether the last job went well, if it has ended.
    ///
    /// # Errors
    /// Those of the job.
    pub(crate) fn poll(&mut self) -> Result<()> {
        match &self.running {
            Some(running) if running.is_finished() => self.finish(),
            _ => Ok(()),
        }
    }

    /// Waits, once a job, until its tensors are written: whoever changes one before that changes a copy of it, which takes time and
    /// memory as well. On a disk that has not written them in the time that has passed since it began, it waits as long again at most.
    pub(crate) fn wait_for_memory(&mut self) {
        if let Some((since, memory)) = self.memory.take() {
            // Nothing is ever sent: either the other end is gone, or the time is up.
            let _ = memory.recv_timeout(since.elapsed());
        }
    }

    /// The files of the last job; those that have been written are there.
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
            Some(Ok(result)) => result,
            Some(Err(panic)) => {
                Err(Error::new(ErrorKind::Panic, format!("writing a checkpoint panicked: {}", panic_message(&*panic))))
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // On the way out of a panic: the file in the making is finished, and an error has nobody left to go to.
        let _ = self.finish();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{sync::mpsc::sync_channel, time::Duration};

    use super::*;

    /// A writer whose job has begun `age` ago and holds its memory as long as the other end lives.
    fn writing(age: Duration) -> (Writer, Sender<Infallible>) {
        let (held, open) = channel();
        let memory = Some((Instant::now().checked_sub(age).unwrap(), open));
        (Writer { running: None, memory, paths: Vec::new() }, held)
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
        // Once for each job: what it holds has been copied by then.
        assert!(writer.memory.is_none());
        drop(held);
    }
}
