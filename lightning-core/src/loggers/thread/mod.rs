//! A logger and the thread that calls it during a run, so that training waits for no disk and no
//! network.

mod queue;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;

use self::queue::Queue;
use super::{Logger, RunStatus};
use crate::{
    error::{Error, ErrorKind, Result},
    os::panics::catch_in,
};

/// How long a record waits for room in the queue of a logger.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a checkpoint or the end of a run waits for a logger. Shorter in unit tests.
const ANSWER: Duration = if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(60) };

/// The largest number of different failures that are reported of one logger.
const REPORTS: usize = 8;

/// Calls a method of a logger. An error says which.
pub(super) fn call<T>(method: &str, body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_in(|| format!("a logger's {method}"), body)
}

/// What a logger is to do.
type Task = Box<dyn FnOnce(&mut dyn Logger) -> Result<()> + Send>;

/// A logger. Within a run it belongs to its own thread.
pub(super) struct Threaded {
    /// The name of its type.
    name: String,
    is_required: bool,
    place: Place,
    failures: Arc<Failures>,
    /// The number of tasks that its thread has done.
    done: Arc<AtomicU64>,
    /// That number when it did not answer in time. Until it has done more, nothing waits for it.
    late_at: Option<u64>,
    /// The number of records that it did not receive.
    dropped: u64,
    /// The failures that were reported.
    reported: Vec<String>,
}

enum Place {
    Here(Box<dyn Logger>),
    Thread {
        queue: Arc<Queue<Task>>,
        thread: JoinHandle<Option<Box<dyn Logger>>>,
        /// The folder of the run.
        dir: Option<PathBuf>,
    },
    /// Its thread did not answer at the end of a run.
    Lost,
}

/// The failures that the training thread has not seen yet.
#[derive(Debug, Default)]
struct Failures {
    /// Whether there are any.
    any: AtomicBool,
    list: Mutex<Vec<Error>>,
}

impl Failures {
    fn push(&self, error: Error) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        // A disk that is full fails for every record.
        if list.len() < REPORTS {
            list.push(error);
        }
        self.any.store(true, Ordering::Release);
    }

    fn take(&self) -> Vec<Error> {
        if !self.any.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        std::mem::take(&mut *self.list.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Threaded {
    pub(super) fn new(logger: Box<dyn Logger>) -> Self {
        let path = logger.type_name();
        let path = path.split('<').next().unwrap_or(path);
        Self {
            name: path.rsplit("::").next().unwrap_or(path).to_owned(),
            is_required: logger.is_required(),
            place: Place::Here(logger),
            failures: Arc::default(),
            done: Arc::default(),
            late_at: None,
            dropped: 0,
            reported: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The folder of the run.
    pub(super) fn dir(&self) -> Option<&Path> {
        match &self.place {
            Place::Here(logger) => logger.log_dir(),
            Place::Thread { dir, .. } => dir.as_deref(),
            Place::Lost => None,
        }
    }

    /// The runs at its destination.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn earlier_runs(&mut self) -> Result<Vec<(String, PathBuf)>> {
        self.ask(|logger| call("earlier_runs", || logger.earlier_runs()))
    }

    /// Opens the run, and moves the logger to its thread. `beside` is the folder of the loggers
    /// before it.
    ///
    /// # Errors
    /// If the run cannot be opened: it ends before its first batch.
    pub(super) fn start(&mut self, beside: Option<&Path>, hparams: &Value) -> Result<()> {
        let (beside, hparams) = (beside.map(Path::to_path_buf), hparams.clone());
        let opened = self.ask(move |logger| {
            call("start", || logger.start_beside(beside.as_deref()))?;
            call("log_hyperparams", || logger.log_hyperparams(&hparams))?;
            call("log_dir", || Ok(logger.log_dir().map(Path::to_path_buf)))
        });
        let dir = opened?;
        self.place = match std::mem::replace(&mut self.place, Place::Lost) {
            Place::Here(logger) => on_thread(logger, dir, &self.name, &self.failures, &self.done),
            running => running,
        };
        Ok(())
    }

    /// Passes on something of `bytes` bytes; it is not written yet when this returns.
    pub(super) fn send(&mut self, bytes: usize, task: impl FnOnce(&mut dyn Logger) -> Result<()> + Send + 'static) {
        match &mut self.place {
            Place::Here(logger) => {
                if let Err(error) = task(&mut **logger) {
                    self.failures.push(error);
                }
            }
            Place::Thread { queue, .. } => {
                let done = self.done.load(Ordering::Relaxed);
                let patience = if self.late_at == Some(done) { Duration::ZERO } else { PATIENCE };
                if !queue.push(Box::new(task), bytes, patience) {
                    self.late_at = Some(done);
                    self.dropped += 1;
                }
            }
            Place::Lost => self.dropped += 1,
        }
    }

    /// Waits until everything before is written.
    pub(super) fn save(&mut self) {
        let saved = self.ask(|logger| call("save", || logger.save()));
        self.note(saved);
    }

    /// Removes the records after a checkpoint.
    ///
    /// # Errors
    /// If they cannot be removed.
    pub(super) fn rewind(&mut self, batch_step: u64, records: u64) -> Result<()> {
        self.ask(move |logger| call("rewind", || logger.rewind(batch_step, records)))
    }

    /// Continues a version where a checkpoint ends.
    ///
    /// # Errors
    /// If the logger cannot.
    pub(super) fn resume(&mut self, version: &str, batch_step: u64, records: u64) -> Result<()> {
        let version = version.to_owned();
        self.ask(move |logger| call("resume_at", || logger.resume_at(&version, batch_step, records)))
    }

    /// Closes the run, and takes the logger back from its thread.
    pub(super) fn finalize(&mut self, status: RunStatus) {
        let closed = self.ask(move |logger| call("finalize", || logger.finalize(status)));
        let is_unanswered = self.late_at.is_some();
        self.note(closed);
        if let Place::Thread { queue, thread, .. } = std::mem::replace(&mut self.place, Place::Lost) {
            queue.close();
            if !is_unanswered && let Ok(Some(logger)) = thread.join() {
                self.place = Place::Here(logger);
            }
        }
    }

    fn note(&self, result: Result<()>) {
        if let Err(error) = result {
            self.failures.push(error);
        }
    }

    /// Calls the logger, after everything before, and waits for its answer.
    fn ask<T: Send + 'static>(
        &mut self,
        question: impl FnOnce(&mut dyn Logger) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let queue = match &mut self.place {
            Place::Here(logger) => return question(&mut **logger),
            Place::Thread { queue, .. } => queue,
            Place::Lost => return Err(unanswered(&self.name)),
        };
        let (answer, answered) = mpsc::sync_channel(1);
        let task: Task = Box::new(move |logger| {
            // The answer of a logger that was late has no receiver.
            let _ = answer.send(question(logger));
            Ok(())
        });
        let done = self.done.load(Ordering::Relaxed);
        let timeout = match (self.is_required, self.late_at == Some(done)) {
            (true, _) => Duration::MAX,
            (false, true) => Duration::ZERO,
            (false, false) => ANSWER,
        };
        if !queue.push_now(task, timeout) {
            self.late_at = Some(done);
            return Err(unanswered(&self.name));
        }
        let result = match answered.recv_timeout(timeout) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                self.late_at = Some(self.done.load(Ordering::Relaxed));
                return Err(unanswered(&self.name));
            }
        };
        self.late_at = None;
        result
    }

    /// The failures since the last call: the error that ends the run, of a required logger, and
    /// otherwise warnings, each once.
    ///
    /// # Errors
    /// The first failure of a required logger.
    pub(super) fn failures(&mut self, warnings: &mut Vec<String>) -> Result<()> {
        let mut errors = self.failures.take();
        if std::mem::take(&mut self.dropped) > 0 {
            errors.push(unanswered(&self.name));
        }
        if errors.is_empty() {
            return Ok(());
        }
        if self.is_required {
            return errors.into_iter().next().map_or(Ok(()), Err);
        }
        for error in errors {
            let text = error.to_string();
            if self.reported.len() < REPORTS && !self.reported.iter().any(|reported| reported == error.message()) {
                self.reported.push(error.message().to_owned());
                warnings.push(format!(
                    "the logger `{}` failed, and the run continues: {text}; `.required(true)` on the logger makes it an error",
                    self.name
                ));
            }
        }
        Ok(())
    }
}

impl Drop for Threaded {
    fn drop(&mut self) {
        // Without `finalize` the program is unwinding or returning an error: what waits is written.
        if let Place::Thread { queue, thread, .. } = std::mem::replace(&mut self.place, Place::Lost) {
            queue.close();
            if self.late_at.is_none() {
                // A panic on the thread was reported there.
                let _ = thread.join();
            }
        }
    }
}

/// Moves a logger to a thread. If the system has none left, it is called on the training thread.
fn on_thread(
    logger: Box<dyn Logger>,
    dir: Option<PathBuf>,
    name: &str,
    failures: &Arc<Failures>,
    done: &Arc<AtomicU64>,
) -> Place {
    let queue = Queue::<Task>::new();
    let (hand_over, handed_over) = mpsc::sync_channel::<Box<dyn Logger>>(1);
    let body = {
        let (queue, failures, done) = (queue.clone(), failures.clone(), done.clone());
        move || {
            let mut logger = handed_over.recv().ok()?;
            while let Some(task) = queue.pop() {
                if let Err(error) = task(&mut *logger) {
                    failures.push(error);
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            Some(logger)
        }
    };
    let Ok(thread) = thread::Builder::new().name(format!("logger {name}")).spawn(body) else {
        return Place::Here(logger);
    };
    match hand_over.send(logger) {
        Ok(()) => Place::Thread { queue, thread, dir },
        Err(unsent) => Place::Here(unsent.0),
    }
}

fn unanswered(name: &str) -> Error {
    Error::new(ErrorKind::Io, format!("the logger `{name}` does not answer; what it receives meanwhile is dropped"))
        .help("check its disk or network")
}
