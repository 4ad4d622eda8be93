//! What waits to be sent to a server: written to a file first, and sent from there by a thread of its
//! own, so that a server that is away or hangs stops nothing and loses nothing.
//!
//! The file `spool.jsonl` has one item in each line, and `spool.sent` says how many bytes of it the
//! server has. An item is sent again if the answer to it was lost; a destination makes items so that
//! the server has each once.

mod sender;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use self::sender::Sender;
use crate::{
    error::{Error, ErrorKind, Result},
    os::files,
};

pub(crate) const LINES: &str = "spool.jsonl";
const SENT: &str = "spool.sent";

/// Why something was not accepted.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server cannot be reached, has a failure of its own, or does not accept the account: the
    /// same item may be accepted later.
    Away(Error),
    /// The server does not accept the item, however often it comes.
    Refused(Error),
}

#[cfg(feature = "remote")]
impl Fault {
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Away(error) | Self::Refused(error) => error,
        }
    }
}

/// Where items go.
pub(crate) trait Destination: Send + 'static {
    /// Sends items, all or none of them as far as it can: they are sent again after a failure.
    ///
    /// # Errors
    /// Why they were not accepted.
    fn send(&mut self, items: &[Value]) -> Result<(), Fault>;

    /// The most items that are sent together.
    fn together(&self) -> usize {
        1000
    }
}

/// How items are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How long items wait for others, so that they are sent together.
    pub(crate) linger: Duration,
    /// The first and the longest time before something that failed is tried again.
    pub(crate) retry: (Duration, Duration),
    /// How long the end of a run waits until everything is sent.
    pub(crate) at_end: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let retry = (Duration::from_secs(1), Duration::from_secs(30));
        Self { linger: Duration::from_secs(1), retry, at_end: Duration::from_secs(10) }
    }
}

/// The items of a run that are written and sent.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    lines: File,
    at_end: Duration,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The bytes of whole lines.
    written: u64,
    /// The bytes that the server has.
    sent: u64,
    /// What has not been reported.
    failures: Vec<Error>,
    /// Whether items wait for no others.
    hurries: bool,
    /// Whether the thread is to end.
    is_closed: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spool {
    /// Opens the spool in a folder, which is created, and starts to send what it has.
    ///
    /// # Errors
    /// If its files cannot be read or created, or no thread can be started.
    pub(crate) fn open(folder: &Path, destination: impl Destination, pace: Pace) -> Result<Self> {
        files::create_folder(folder)?;
        let path = folder.join(LINES);
        let written = whole_lines(&path)?;
        let lines = OpenOptions::new().append(true).create(true).open(&path);
        let lines = lines.map_err(|error| Error::io("open", &path, error))?;
        // A process that was killed may have left a part of a line.
        lines.set_len(written).map_err(|error| Error::io("shorten", &path, error))?;
        let sent = fs::read_to_string(folder.join(SENT)).unwrap_or_default().trim().parse().unwrap_or(0);
        let state = State { written, sent: written.min(sent), ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let sender = Sender::new(folder, Box::new(destination), pace, shared.clone());
        let started = thread::Builder::new().name("outbox".to_owned()).spawn(move || sender.run());
        started.map_err(|error| {
            Error::new(ErrorKind::Io, "the thread that sends to a server could not be started").caused_by(error)
        })?;
        Ok(Self { folder: folder.to_path_buf(), lines, at_end: pace.at_end, shared })
    }

    /// The items that were written, sent or not.
    ///
    /// # Errors
    /// If the file cannot be read.
    #[cfg(any(feature = "mlflow", test))]
    pub(crate) fn items(&self) -> Result<Vec<Value>> {
        let path = self.folder.join(LINES);
        let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Writes an item, which is sent later.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn push(&mut self, item: &Value) -> Result<()> {
        let mut line = item.to_string();
        line.push('\n');
        let path = self.folder.join(LINES);
        if let Err(error) = self.lines.write_all(line.as_bytes()) {
            // The next line begins after the last whole one.
            let _ = self.lines.set_len(self.shared.state().written);
            return Err(Error::io("write", &path, error));
        }
        let mut state = self.shared.state();
        // The thread that waits for others, or until it tries again, finds this one then.
        let is_idle = state.sent >= state.written;
        state.written += line.len() as u64;
        drop(state);
        if is_idle {
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// The first failure since the last call.
    ///
    /// # Errors
    /// That failure.
    pub(crate) fn failure(&self) -> Result<()> {
        let mut state = self.shared.state();
        if state.failures.is_empty() { Ok(()) } else { Err(state.failures.remove(0)) }
    }

    /// Waits until everything is sent, at most as long as the pace says after the last that was.
    ///
    /// # Errors
    /// If something is left, with the first failure.
    pub(crate) fn finish(&self) -> Result<()> {
        let mut until = Instant::now() + self.at_end;
        let mut state = self.shared.state();
        let mut sent = state.sent;
        state.hurries = true;
        self.shared.changed.notify_all();
        while state.sent < state.written {
            if state.sent > sent {
                (sent, until) = (state.sent, Instant::now() + self.at_end);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let text = format!(
                    "{} bytes of what was logged are not sent yet; they are kept in `{}`",
                    state.written - state.sent,
                    self.folder.display()
                );
                let error = Error::new(ErrorKind::Io, text).at_path(&self.folder).help(
                    "resume the run, or call `send_kept` of the logger with this folder once the server is there",
                );
                state.hurries = false;
                return Err(match state.failures.pop() {
                    Some(cause) => error.caused_by(cause),
                    None => error,
                });
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.hurries = false;
        Ok(())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // A request that hangs ends with its timeout; nothing waits for it.
        self.shared.state().is_closed = true;
        self.shared.changed.notify_all();
    }
}

/// The bytes up to the end of the last whole line; 0 without a file.
fn whole_lines(path: &Path) -> Result<u64> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        bytes => bytes.map_err(|error| Error::io("read", path, error))?,
    };
    Ok(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1))
}
