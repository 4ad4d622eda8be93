//! Threads that make batches: a team of them, which may outlive an epoch.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    error::{Error, ErrorKind, Result},
    os::panics::catch_panic,
};

/// Prepares the thread of a worker, which has this number.
pub(in crate::data) type WorkerInit = Arc<dyn Fn(usize) -> Result<()> + Send + Sync>;

/// What a builder was told about workers.
#[derive(Clone, Default)]
pub(in crate::data) struct WorkerSettings {
    pub(in crate::data) count: usize,
    pub(in crate::data) prefetch: Option<usize>,
    pub(in crate::data) timeout: Option<Duration>,
    pub(in crate::data) init: Option<WorkerInit>,
    pub(in crate::data) persistent: bool,
}

impl WorkerSettings {
    /// Batches that may be ready before they are asked for.
    pub(in crate::data) fn prefetch(&self) -> usize {
        self.prefetch.unwrap_or_else(|| self.count.saturating_mul(2))
    }
}

/// The workers of a loader: their settings, and the team that waits for the next epoch.
#[derive(Clone, Default)]
pub(in crate::data) struct Workers {
    pub(in crate::data) settings: WorkerSettings,
    waiting: Arc<Mutex<Option<WorkerPool>>>,
}

impl Workers {
    pub(in crate::data) fn new(settings: WorkerSettings) -> Self {
        Self { settings, waiting: Arc::default() }
    }

    /// A team of one's own: the one that waits, or a new one. Two epochs of one loader may be read at the same time.
    pub(in crate::data) fn hire(&self) -> Result<WorkerPool> {
        match self.waiting().take() {
            Some(team) => Ok(team),
            None => WorkerPool::start(self.settings.count, self.settings.init.as_ref()),
        }
    }

    /// The team has no task any more: it waits for the next one, or is dismissed.
    pub(in crate::data) fn release(&self, team: WorkerPool) {
        if self.settings.persistent {
            // A second team, for a moment: it is dismissed outside of the lock.
            let second = self.waiting().replace(team);
            drop(second);
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Option<WorkerPool>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a team works on.
pub(in crate::data) trait Task: Send + Sync {
    /// Works until nothing is left to do.
    fn work(&self, worker: usize);
    /// A worker cannot take part. It counts as one that has finished.
    fn decline(&self, error: Error);
}

/// Threads that work on one task after the other.
pub(in crate::data) struct WorkerPool {
    workers: Vec<Worker>,
}

struct Worker {
    tasks: mpsc::Sender<Arc<dyn Task>>,
    thread: JoinHandle<()>,
}

impl WorkerPool {
    fn start(count: usize, init: Option<&WorkerInit>) -> Result<Self> {
        let mut team = Self { workers: Vec::with_capacity(count) };
        for number in 0..count {
            let (tasks, received) = mpsc::channel::<Arc<dyn Task>>();
            let init = init.map(Arc::clone);
            let thread = std::thread::Builder::new()
                .name(format!("data-worker-{number}"))
                .spawn(move || run(number, init.as_ref(), &received))
                .map_err(|error| {
                    Error::new(ErrorKind::Io, format!("the thread of data worker {number} cannot be started"))
                        .caused_by(error)
                        .help("set a smaller `num_workers`")
                })?;
            team.workers.push(Worker { tasks, thread });
        }
        Ok(team)
    }

    /// Gives every worker the task.
    pub(in crate::data) fn give(&self, task: &Arc<dyn Task>) {
        for (number, worker) in self.workers.iter().enumerate() {
            if worker.tasks.send(Arc::clone(task)).is_err() {
                task.decline(Error::data(format!("the thread of data worker {number} has ended")));
            }
        }
    }

    /// Leaves the threads to themselves: one of them hangs, and waiting for it would hang as well. They end when they notice.
    pub(in crate::data) fn abandon(mut self) {
        self.workers.clear();
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        let (tasks, threads): (Vec<_>, Vec<_>) =
            self.workers.drain(..).map(|worker| (worker.tasks, worker.thread)).unzip();
        // A thread ends when no task can come any more.
        drop(tasks);
        for thread in threads {
            // A panic of a thread has been reported as the error of its batch.
            let _ = thread.join();
        }
    }
}

fn run(worker: usize, init: Option<&WorkerInit>, tasks: &mpsc::Receiver<Arc<dyn Task>>) {
    let mut ready = false;
    for task in tasks {
        if !ready
            && let Some(init) = init
            && let Err(error) = catch_panic(|| init(worker))
        {
            let failed = Error::new(error.kind(), format!("`worker_init` failed on worker {worker}"));
            task.decline(failed.caused_by(error));
            continue;
        }
        ready = true;
        // What is left of a panic here comes from the end of a value, and the task has been told.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| task.work(worker)));
    }
}
