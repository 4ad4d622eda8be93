//! Threads that make batches: a pool of them, which may outlive an epoch.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    error::{Error, ErrorKind, Result},
    os::panics::catch_panic,
};

/// Prepares the thread of the worker with this number.
pub(in crate::data) type WorkerInit = Arc<dyn Fn(usize) -> Result<()> + Send + Sync>;

/// The settings of a builder that concern workers.
#[derive(Clone, Default)]
pub(in crate::data) struct WorkerSettings {
    pub(in crate::data) count: usize,
    pub(in crate::data) prefetch: Option<usize>,
    pub(in crate::data) timeout: Option<Duration>,
    pub(in crate::data) init: Option<WorkerInit>,
    pub(in crate::data) persistent: bool,
}

impl WorkerSettings {
    /// Batches that may be ready before they are needed.
    pub(in crate::data) fn prefetch(&self) -> usize {
        self.prefetch.unwrap_or_else(|| self.count.saturating_mul(2))
    }
}

/// The workers of a loader: their settings, and the idle pool that waits for the next epoch.
#[derive(Clone, Default)]
pub(in crate::data) struct Workers {
    pub(in crate::data) settings: WorkerSettings,
    idle: Arc<Mutex<Option<WorkerPool>>>,
}

impl Workers {
    pub(in crate::data) fn new(settings: WorkerSettings) -> Self {
        Self { settings, idle: Arc::default() }
    }

    /// Returns the idle pool, or starts a new one: two epochs of one loader may be read at the same
    /// time.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub(in crate::data) fn acquire(&self) -> Result<WorkerPool> {
        match self.idle().take() {
            Some(pool) => Ok(pool),
            None => WorkerPool::start(self.settings.count, self.settings.init.as_ref()),
        }
    }

    /// Takes back a pool without a task. Persistent workers wait for the next epoch; others end
    /// here.
    pub(in crate::data) fn release(&self, pool: WorkerPool) {
        if self.settings.persistent {
            // Another pool may be idle already. Joining its threads takes time, so it is dropped
            // after the lock.
            let replaced = self.idle().replace(pool);
            drop(replaced);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Option<WorkerPool>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The work of a pool for one epoch.
pub(in crate::data) trait Task: Send + Sync {
    /// Runs on every worker, until nothing is left to do.
    fn work(&self, worker: usize);
    /// Reports a worker that cannot take part. It counts as finished.
    fn decline(&self, error: Error);
}

/// Threads that work on one task after another. Dropping the pool joins them.
pub(in crate::data) struct WorkerPool {
    workers: Vec<Worker>,
}

struct Worker {
    tasks: mpsc::Sender<Arc<dyn Task>>,
    thread: JoinHandle<()>,
}

impl WorkerPool {
    fn start(count: usize, init: Option<&WorkerInit>) -> Result<Self> {
        let mut pool = Self { workers: Vec::with_capacity(count) };
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
            pool.workers.push(Worker { tasks, thread });
        }
        Ok(pool)
    }

    /// Sends the task to every worker.
    pub(in crate::data) fn submit(&self, task: &Arc<dyn Task>) {
        for (number, worker) in self.workers.iter().enumerate() {
            if worker.tasks.send(Arc::clone(task)).is_err() {
                task.decline(Error::data(format!("the thread of data worker {number} has ended")));
            }
        }
    }

    /// Detaches the threads instead of joining them, because one of them hangs. Each ends when its
    /// item is done.
    pub(in crate::data) fn detach(mut self) {
        self.workers.clear();
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        let (tasks, threads): (Vec<_>, Vec<_>) =
            self.workers.drain(..).map(|worker| (worker.tasks, worker.thread)).unzip();
        // A thread ends when the sender of its tasks is dropped.
        drop(tasks);
        for thread in threads {
            // A panic was reported as the error of its batch.
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
        // Panics in user code are caught inside `work`. This one comes from a destructor, and the
        // task counts the worker as finished.
        let _ = catch_panic(move || {
            task.work(worker);
            Ok(())
        });
    }
}
