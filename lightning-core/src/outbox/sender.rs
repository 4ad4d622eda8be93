//! The thread that sends what is in a spool.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Destination, Fault, LINES, Pace, SENT, Shared};
use crate::{
    error::{Error, ErrorKind, Result},
    os::panics::catch_panic,
};

/// The most bytes that are sent together.
const BYTES: u64 = 1 << 20;

pub(super) struct Sender {
    folder: PathBuf,
    destination: Box<dyn Destination>,
    pace: Pace,
    shared: Arc<Shared>,
    /// The messages of failures that were reported: each once.
    reported: Vec<String>,
}

impl Sender {
    pub(super) fn new(folder: &Path, destination: Box<dyn Destination>, pace: Pace, shared: Arc<Shared>) -> Self {
        Self { folder: folder.to_path_buf(), destination, pace, shared, reported: Vec::new() }
    }

    pub(super) fn run(mut self) {
        let mut wait = self.pace.retry.0;
        while let Some(sent) = self.next() {
            match self.send(sent) {
                Ok(()) => wait = self.pace.retry.0,
                Err(error) => {
                    self.report(error);
                    self.sleep(wait, |state| state.is_closed);
                    wait = (wait * 2).min(self.pace.retry.1);
                }
            }
        }
    }

    /// Waits for items, and a little longer for others. Returns where they begin; `None` at the end.
    fn next(&self) -> Option<u64> {
        let mut state = self.shared.state();
        while state.sent >= state.written && !state.is_closed {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        self.sleep(self.pace.linger, |state| state.is_closed || state.hurries);
        let state = self.shared.state();
        (!state.is_closed).then_some(state.sent)
    }

    fn sleep(&self, time: Duration, until: impl Fn(&super::State) -> bool) {
        let end = Instant::now() + time;
        let mut state = self.shared.state();
        while !until(&state) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sends the items from an offset on.
    ///
    /// # Errors
    /// If the server is away.
    fn send(&mut self, from: u64) -> Result<()> {
        let lines = self.read(from)?;
        let items: Vec<Value> = lines.iter().map(|(item, _)| item.clone()).collect();
        let Some((_, end)) = lines.last() else { return Ok(()) };
        match self.try_send(&items) {
            Ok(()) => return self.confirm(*end),
            Err(Fault::Away(error)) => return Err(error),
            Err(Fault::Refused(_)) => {}
        }
        // The one that is refused is left out.
        for (item, end) in lines {
            match self.try_send(&[item]) {
                Ok(()) => {}
                Err(Fault::Away(error)) => return Err(error),
                Err(Fault::Refused(error)) => self.report(error),
            }
            self.confirm(end)?;
        }
        Ok(())
    }

    fn try_send(&mut self, items: &[Value]) -> Result<(), Fault> {
        let sent = catch_panic(|| Ok(self.destination.send(items)));
        sent.unwrap_or_else(|error| Err(Fault::Refused(error)))
    }

    /// Items from an offset on, each with the offset after it.
    fn read(&self, from: u64) -> Result<Vec<(Value, u64)>> {
        let path = self.folder.join(LINES);
        let written = self.shared.state().written;
        let unreadable = |error| Error::io("read", &path, error);
        let mut reader = BufReader::new(File::open(&path).map_err(unreadable)?);
        reader.seek(SeekFrom::Start(from)).map_err(unreadable)?;
        let together = self.destination.together();
        let (mut lines, mut at) = (Vec::new(), from);
        while at < written && lines.len() < together && at - from < BYTES {
            let mut line = String::new();
            let read = reader.read_line(&mut line).map_err(unreadable)?;
            if read == 0 {
                let text = format!("`{}` became shorter", path.display());
                return Err(Error::new(ErrorKind::Io, text).at_path(&path).help("keep it until the run ends"));
            }
            at += read as u64;
            lines.push((serde_json::from_str(&line).unwrap_or(Value::Null), at));
        }
        Ok(lines)
    }

    /// Notes what the server has. Without this file after a crash it is sent again.
    fn confirm(&self, sent: u64) -> Result<()> {
        let (path, new) = (self.folder.join(SENT), self.folder.join("spool.sent.new"));
        let noted = fs::write(&new, sent.to_string()).and_then(|()| fs::rename(&new, &path));
        self.shared.state().sent = sent;
        self.shared.changed.notify_all();
        noted.map_err(|error| Error::io("write", path, error))
    }

    fn report(&mut self, error: Error) {
        if !self.reported.iter().any(|known| known == error.message()) && self.reported.len() < 8 {
            self.reported.push(error.message().to_owned());
            self.shared.state().failures.push(error);
        }
    }
}
