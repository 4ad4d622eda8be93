//! Collects the spans of all threads of a run, on a thread of its own.

use std::{
    cell::RefCell,
    marker::PhantomData,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    event::Event,
    file::TraceFile,
    totals::{LaneTotals, Totals},
};
use crate::error::{Error, ErrorKind, Result};

/// Spans that may wait for the thread that collects them. A thread that has another one waits, so
/// that memory is bounded: it happens if the disk is slower than the run.
const WAITING: usize = 1 << 15;

/// How old a span gets before it is in the file: of a process that is killed, the last spans are
/// what one looks for.
const FLUSH_AFTER: Duration = Duration::from_millis(500);

/// What the threads of a run tell the one that collects.
enum Message {
    /// A thread that has not recorded before.
    Lane(usize, String),
    /// A span that has ended; `outermost` if no other span of its lane is around it.
    Event { lane: usize, outermost: bool, event: Event },
    /// The file to write, and where to send the result.
    Open(PathBuf, SyncSender<Result<()>>),
    /// Asks for what was recorded so far.
    Summary(SyncSender<Summary>),
}

/// What was recorded so far.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// The totals of each thread, in the order of their first spans.
    pub(crate) lanes: Vec<LaneTotals>,
    /// The file, with the number of its spans.
    pub(crate) file: Option<(PathBuf, u64)>,
    /// Why the file lacks spans; each is returned once.
    pub(crate) notes: Vec<String>,
}

/// Records spans of any number of threads.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    sender: SyncSender<Message>,
    lanes: Arc<Mutex<Vec<Lane>>>,
}

/// A row of the trace: the spans of a thread, and of later threads that do the same.
#[derive(Debug)]
struct Lane {
    /// The name of the thread; lanes of the same name are numbered.
    name: String,
    number: usize,
    /// Whether a thread is attached to it.
    is_taken: bool,
}

impl Recorder {
    /// Starts the thread that collects. It ends with the last clone of the recorder. With a file,
    /// spans are kept for it until it is opened; it has at most `limit` spans.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn start(file: bool, limit: u64) -> Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let collector = Collector {
            receiver,
            totals: Totals::default(),
            file: file.then(|| TraceFile::new(Instant::now(), limit)),
        };
        thread::Builder::new().name("trace".to_owned()).spawn(move || collector.run()).map_err(|error| {
            Error::new(ErrorKind::Io, "the thread that collects the profile could not be started")
                .caused_by(error)
                .help("write `.profiler(\"simple\")`, which needs no thread")
        })?;
        Ok(Self { sender, lanes: Arc::default() })
    }

    /// Opens the trace's file, and writes what was recorded before.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn open(&self, path: PathBuf) -> Result<()> {
        self.ask(|reply| Message::Open(path, reply)).unwrap_or_else(|| Err(lost()))
    }

    /// Returns what was recorded so far, once it is in the file.
    pub(crate) fn summary(&self) -> Summary {
        self.ask(Message::Summary)
            .unwrap_or_else(|| Summary { notes: vec![lost().message().to_owned()], ..Summary::default() })
    }

    fn ask<T>(&self, question: impl FnOnce(SyncSender<T>) -> Message) -> Option<T> {
        let (reply, answer) = sync_channel(1);
        self.sender.send(question(reply)).ok()?;
        answer.recv().ok()
    }

    /// Records the spans of this thread until the result is dropped.
    pub(crate) fn attach(&self, name: &str) -> Attached {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let free = lanes.iter().position(|lane| lane.name == name && !lane.is_taken);
        let lane = free.unwrap_or_else(|| {
            let number = lanes.iter().filter(|lane| lane.name == name).count() + 1;
            lanes.push(Lane { name: name.to_owned(), number, is_taken: false });
            lanes.len() - 1
        });
        if let Some(Lane { number, is_taken, .. }) = lanes.get_mut(lane) {
            *is_taken = true;
            let shown = if *number == 1 { name.to_owned() } else { format!("{name} ({number})") };
            // Sent under the lock: the collector must know a lane before it gets its spans.
            if free.is_none() {
                let _ = self.sender.send(Message::Lane(lane, shown));
            }
        }
        drop(lanes);
        let before = THREAD.with_borrow_mut(|thread| thread.replace(Thread { recorder: self.clone(), lane, depth: 0 }));
        Attached { before, thread: PhantomData }
    }

    fn release(&self, lane: usize) {
        if let Some(lane) = self.lanes.lock().unwrap_or_else(PoisonError::into_inner).get_mut(lane) {
            lane.is_taken = false;
        }
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Io, "the thread that collects the profile has ended")
}

/// The recorder of a thread.
#[derive(Debug)]
struct Thread {
    recorder: Recorder,
    lane: usize,
    /// Open spans.
    depth: usize,
}

thread_local! {
    static THREAD: RefCell<Option<Thread>> = const { RefCell::new(None) };
}

/// A thread that records its spans, until this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Attached {
    /// The recorder of a run within which this one runs.
    before: Option<Thread>,
    /// Not `Send`: it is this thread that is attached.
    thread: PhantomData<*const ()>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        let before = self.before.take();
        let own = THREAD.with_borrow_mut(|thread| std::mem::replace(thread, before));
        if let Some(Thread { recorder, lane, .. }) = own {
            recorder.release(lane);
        }
    }
}

/// Returns the recorder of this thread, to attach another thread to it.
pub(crate) fn current() -> Option<Recorder> {
    THREAD.with_borrow(|thread| thread.as_ref().map(|thread| thread.recorder.clone()))
}

/// Whether the thread records its spans.
pub(super) fn is_attached() -> bool {
    THREAD.with_borrow(Option::is_some)
}

/// Counts a span that starts.
pub(super) fn enter() {
    THREAD.with_borrow_mut(|thread| {
        if let Some(thread) = thread {
            thread.depth += 1;
        }
    });
}

/// Records a span that ends, or drops it without an event.
pub(super) fn leave(event: Option<Event>) {
    THREAD.with_borrow_mut(|thread| {
        let Some(Thread { recorder, lane, depth }) = thread else { return };
        *depth = depth.saturating_sub(1);
        if let Some(event) = event {
            // The collector ends only with a panic, which the summary reports.
            let _ = recorder.sender.send(Message::Event { lane: *lane, outermost: *depth == 0, event });
        }
    });
}

/// The state of the thread that collects.
struct Collector {
    receiver: Receiver<Message>,
    totals: Totals,
    file: Option<TraceFile>,
}

impl Collector {
    fn run(mut self) {
        loop {
            let message = match &self.file {
                Some(file) if file.is_behind() => self.receiver.recv_timeout(FLUSH_AFTER),
                _ => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => self.flush(),
                Err(RecvTimeoutError::Disconnected) => return self.flush(),
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Lane(lane, name) => {
                if let Some(file) = &mut self.file {
                    file.lane(lane, &name);
                }
                self.totals.add_lane(name);
            }
            Message::Event { lane, outermost, event } => {
                self.totals.count(lane, outermost, &event);
                if let Some(file) = &mut self.file {
                    file.event(lane, &event);
                }
            }
            // Nobody waits for the answer of a run that has panicked.
            Message::Open(path, reply) => drop(reply.send(match &mut self.file {
                Some(file) => file.open(path),
                None => Ok(()),
            })),
            Message::Summary(reply) => {
                self.flush();
                let lanes = self.totals.lanes();
                let (file, notes) = self.file.as_mut().map_or_else(Default::default, TraceFile::told);
                drop(reply.send(Summary { lanes, file, notes }));
            }
        }
    }

    fn flush(&mut self) {
        if let Some(file) = &mut self.file {
            file.flush();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::trace::{Kind, span};

    #[test]
    fn a_full_trace_is_told_once_and_the_table_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        let recorder = Recorder::start(true, 3).unwrap();
        let record = |count: usize| {
            let _attached = recorder.attach("a");
            (0..count).for_each(|_| drop(span(Kind::Step, "step")));
        };
        record(2);
        recorder.open(path.clone()).unwrap();
        record(3);
        let summary = recorder.summary();
        let calls: Vec<u64> = summary.lanes.iter().flat_map(|lane| lane.spans.iter().map(|span| span.calls)).collect();
        assert_eq!((calls, summary.file, summary.notes.len()), (vec![5], Some((path.clone(), 3)), 1));
        record(1);
        assert!(recorder.summary().notes.is_empty());
        let events: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(events.iter().filter(|event| event["ph"] == "X").count(), 3);
    }

    #[test]
    fn threads_of_a_name_share_a_row_unless_they_work_at_the_same_time() {
        let recorder = Recorder::start(false, 0).unwrap();
        let first = recorder.attach("worker");
        let work = || {
            let _attached = recorder.attach("worker");
            let _outer = span(Kind::Data, "outer");
            drop(span(Kind::Data, "inner"));
        };
        thread::scope(|scope| scope.spawn(work).join().unwrap());
        drop(first);
        thread::scope(|scope| scope.spawn(work).join().unwrap());
        let lanes = recorder.summary().lanes;
        let rows: Vec<_> = lanes.iter().map(|lane| (lane.name.as_str(), lane.spans.len())).collect();
        assert_eq!(rows, [("worker", 2), ("worker (2)", 2)]);
        // Spans within others are not counted twice.
        for lane in &lanes {
            let outer = lane.spans.iter().find(|span| span.name == "outer").unwrap();
            assert_eq!(lane.busy, outer.total);
        }
        drop(span(Kind::Data, "of a thread that is not attached"));
        assert_eq!(recorder.summary().lanes.iter().map(|lane| lane.spans.len()).sum::<usize>(), 4);
    }
}
