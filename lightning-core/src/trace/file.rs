//! The file of a trace: Chrome's trace events, which Perfetto opens.
//!
//! Format: "Trace Event Format", JSON array of complete events (`"ph": "X"`), with the times in
//! microseconds since the recorder started.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::PathBuf,
    time::Instant,
};

use super::{
    event::{At, Event},
    totals::name_of,
};
use crate::{
    error::{Error, Result},
    os::files,
};

/// Bytes that are written at once.
const BLOCK: usize = 1 << 16;

/// Closes the array. It is part of every write, and the next one overwrites it, so that the file is
/// valid JSON at any time.
const END: &[u8] = b"\n]\n";

/// The events of a trace on their way to its file.
#[derive(Debug)]
pub(super) struct TraceFile {
    origin: Instant,
    limit: u64,
    /// Spans so far, those beyond the limit included.
    spans: u64,
    /// Spans that the file has, or will have with the next write.
    recorded: u64,
    /// What is not written yet.
    waiting: Vec<u8>,
    file: Option<(File, PathBuf)>,
    /// Where the next write begins.
    end: u64,
    notes: Vec<String>,
    /// A write failed: nothing more is written.
    has_failed: bool,
}

impl TraceFile {
    pub(super) fn new(origin: Instant, limit: u64) -> Self {
        let mut waiting = b"[\n".to_vec();
        metadata(&mut waiting, "process_name", None, "lightning");
        Self { origin, limit, spans: 0, recorded: 0, waiting, file: None, end: 0, notes: Vec::new(), has_failed: false }
    }

    /// Whether something waits to be written.
    pub(super) fn is_behind(&self) -> bool {
        self.file.is_some() && !self.waiting.is_empty() && !self.has_failed
    }

    /// Names a row of the trace.
    pub(super) fn lane(&mut self, lane: usize, name: &str) {
        if !self.has_failed {
            self.waiting.extend(b",\n");
            metadata(&mut self.waiting, "thread_name", Some(lane), name);
        }
    }

    /// Adds a span, unless the file is full.
    pub(super) fn event(&mut self, lane: usize, event: &Event) {
        self.spans += 1;
        if self.spans > self.limit || self.has_failed {
            return;
        }
        self.recorded += 1;
        let start = event.since.saturating_duration_since(self.origin);
        let out = &mut self.waiting;
        out.extend(b",\n{\"ph\":\"X\",\"name\":");
        text(out, &name_of(event));
        // To the nanosecond, so that rounding does not move a span out of the one around it.
        let (ts, dur) = (start.as_nanos(), event.time.as_nanos());
        let _ = write!(
            out,
            ",\"cat\":\"{}\",\"pid\":{},\"tid\":{},\"ts\":{}.{:03},\"dur\":{}.{:03}",
            event.kind.name(),
            std::process::id(),
            thread_id(lane),
            ts / 1000,
            ts % 1000,
            dur / 1000,
            dur % 1000
        );
        let _ = match event.at {
            Some(At::Epoch(epoch)) => write!(out, ",\"args\":{{\"epoch\":{epoch}}}}}"),
            Some(At::Batch(batch)) => write!(out, ",\"args\":{{\"batch\":{batch}}}}}"),
            None => out.write_all(b"}"),
        };
        if self.waiting.len() >= BLOCK {
            self.flush();
        }
    }

    /// Creates the file. A second run of the same trainer goes on with it.
    ///
    /// # Errors
    /// If it cannot be created.
    pub(super) fn open(&mut self, path: PathBuf) -> Result<()> {
        if self.file.is_none() {
            if let Some(folder) = path.parent() {
                files::create_folder(folder)?;
            }
            let file = File::create(&path).map_err(|error| Error::io("create the trace", &path, error))?;
            self.file = Some((file, path));
            self.flush();
        }
        Ok(())
    }

    /// Writes what waits. A failure ends the trace, and not the run.
    pub(super) fn flush(&mut self) {
        let Some((file, path)) = &mut self.file else { return };
        if self.waiting.is_empty() || self.has_failed {
            return;
        }
        let length = self.waiting.len() as u64;
        self.waiting.extend(END);
        let written = file.seek(SeekFrom::Start(self.end)).and_then(|_| file.write_all(&self.waiting));
        self.waiting.clear();
        match written {
            Ok(()) => self.end += length,
            Err(error) => {
                self.has_failed = true;
                self.notes.push(format!("the trace {} ends early: {error}", path.display()));
            }
        }
    }

    /// The file with the number of its spans, and why it lacks some, each once.
    pub(super) fn told(&mut self) -> (Option<(PathBuf, u64)>, Vec<String>) {
        let mut notes = std::mem::take(&mut self.notes);
        if self.spans > self.limit && self.limit > 0 {
            notes.push(format!(
                "the trace has the first {} spans of the run, the most that it holds; the table has all of them",
                self.limit
            ));
            // Told once.
            self.limit = 0;
        }
        (self.file.as_ref().map(|(_, path)| (path.clone(), self.recorded)), notes)
    }
}

/// The number of a row. Perfetto hides a thread with the number 0.
const fn thread_id(lane: usize) -> usize {
    lane + 1
}

/// Adds an event that names the process or a row.
fn metadata(out: &mut Vec<u8>, what: &str, lane: Option<usize>, name: &str) {
    let pid = std::process::id();
    let _ = write!(out, "{{\"ph\":\"M\",\"name\":\"{what}\",\"pid\":{pid}");
    if let Some(lane) = lane {
        let _ = write!(out, ",\"tid\":{}", thread_id(lane));
    }
    out.extend(b",\"args\":{\"name\":");
    text(out, name);
    out.extend(b"}}");
}

/// Adds a JSON string.
fn text(out: &mut Vec<u8>, text: &str) {
    // Writing into memory does not fail.
    let _ = serde_json::to_writer(out, text);
}
