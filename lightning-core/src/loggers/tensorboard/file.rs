//! The event files of a run: one for each process that writes it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::{
    event::{self, Logged},
    frames::{self, Frames},
};
use crate::{
    error::{Error, ErrorKind, Result},
    loggers::protobuf::Message,
    os::{files, machine::host_name, time::now},
};

/// What is buffered at most before it is written, and what a disk that fails may leave in memory.
const BUFFER: usize = 256 * 1024;
const LARGEST_BUFFER: usize = 64 * 1024 * 1024;

/// The beginning of the name of an event file.
const PREFIX: &str = "events.out.tfevents.";

/// Distinguishes the files of one process.
static FILES: AtomicU64 = AtomicU64::new(0);

/// An event file that is written.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    /// Created with the first event.
    file: Option<File>,
    /// The length of the file up to the last whole event.
    written: u64,
    buffer: Vec<u8>,
    flush_every: Duration,
    flushed: Instant,
}

impl EventFile {
    /// Describes the next file in `folder`; nothing is created yet.
    pub(super) fn new(folder: &Path, flush_every: Duration) -> Self {
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{:010}.{}.{}.{number}", now() as u64, host_name(), process::id());
        let mut buffer = Vec::new();
        frames::append(&mut buffer, &event::file_version(now()).into_bytes());
        Self { path: folder.join(name), file: None, written: 0, buffer, flush_every, flushed: Instant::now() }
    }

    /// Adds an event. It is on disk after the interval of flushing, or after [`flush`](Self::flush).
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn push(&mut self, event: Message) -> Result<()> {
        frames::append(&mut self.buffer, &event.into_bytes());
        if self.buffer.len() < BUFFER && self.flushed.elapsed() < self.flush_every {
            return Ok(());
        }
        self.flush()
    }

    /// Writes what is buffered. On a failure the file ends with the last whole event, and what is
    /// buffered waits for the next call.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.flushed = Instant::now();
        if self.buffer.is_empty() {
            return Ok(());
        }
        match self.try_write() {
            Ok(()) => {
                self.written += self.buffer.len() as u64;
                self.buffer.clear();
                Ok(())
            }
            Err(error) => {
                if let Some(file) = &self.file {
                    // The next write continues there whether or not this one succeeds.
                    let _ = file.set_len(self.written);
                }
                Err(self.failed(error))
            }
        }
    }

    fn try_write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => {
                // A file that was removed can still be written to, and is lost.
                if fs::metadata(&self.path)?.len() < self.written {
                    return Err(io::Error::other("the file became shorter"));
                }
                file
            }
            None => {
                let file = OpenOptions::new().append(true).create_new(true).open(&self.path)?;
                self.file.insert(file)
            }
        };
        file.write_all(&self.buffer)
    }

    fn failed(&mut self, error: io::Error) -> Error {
        let is_gone = error.kind() == io::ErrorKind::NotFound;
        let error = Error::io("write", &self.path, error);
        let error = match is_gone {
            true => error.help("the file or its folder was removed during the run: keep it until the run ends"),
            false => error,
        };
        if self.buffer.len() <= LARGEST_BUFFER {
            return error;
        }
        self.buffer.clear();
        let text = format!("events were dropped, because `{}` could not be written for long", self.path.display());
        Error::new(ErrorKind::Io, text).at_path(&self.path).caused_by(error)
    }
}

/// Removes the events that were logged after a checkpoint, and events that were cut short by a kill:
/// those after `batch_step` training batches and, of that batch, after the first `records` rows.
/// Returns the first step after those that are left.
///
/// # Errors
/// If the files cannot be read or shortened.
pub(super) fn cut(folder: &Path, batch_step: u64, records: u64) -> Result<u64> {
    let (mut of_last, mut next) = (0, 0);
    let mut is_cut = false;
    for path in event_files(folder)? {
        if is_cut {
            files::remove(&path).map_err(|error| Error::io("remove", &path, error))?;
            continue;
        }
        let bytes = fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
        let mut frames = Frames::new(&bytes);
        let mut kept = 0;
        while let Some(event) = frames.next() {
            if let Some(logged) = Logged::read(event) {
                let is_last = logged.batch_step == batch_step;
                of_last += u64::from(logged.is_record && is_last);
                is_cut = logged.batch_step > batch_step || (logged.is_record && is_last && of_last > records);
                if is_cut {
                    break;
                }
                next = next.max(logged.step.saturating_add(1));
            }
            kept = bytes.len() - frames.unread();
        }
        if kept < bytes.len() {
            let file = OpenOptions::new().write(true).open(&path);
            file.and_then(|file| file.set_len(kept as u64)).map_err(|error| Error::io("shorten", &path, error))?;
        }
    }
    Ok(next)
}

/// The event files of a folder, in the order in which TensorBoard reads them.
fn event_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error| Error::io("read the folder", folder, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
