//! Batches that several threads make, in the order of the epoch.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    epoch::{Epoch, Job, Watch, in_batch},
    stalls,
    workers::{Task, WorkerPool, Workers},
};
use crate::{
    error::{Error, ErrorKind, Result},
    os::{panics::catch_panic, signals},
    trace::{self, Kind, Recorder},
};

/// How long the end of an epoch waits for items that are still being read. Slower workers are
/// detached.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// The same after a signal: whoever sent it, such as a cluster, ends the process soon.
const INTERRUPTED_SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

/// How often a wait for a batch looks for a signal.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// State shared by the workers and the training loop.
struct Shared<B> {
    epoch: Arc<dyn Epoch<B>>,
    /// The limit of batches drawn and not delivered: those that are ready, and one for each worker.
    window: usize,
    watches: Vec<Watch>,
    stop: Arc<AtomicBool>,
    /// Records what the workers do.
    recorder: Option<Recorder>,
    state: Mutex<State<B>>,
    /// Signals the loop: a batch is ready, or a worker finished.
    news: Condvar,
    /// Signals the workers: there is room for another batch, or nothing left to do.
    room: Condvar,
}

struct State<B> {
    /// Batches drawn and not delivered.
    outstanding: usize,
    ready: BTreeMap<usize, Result<B>>,
    drawn_all: bool,
    /// Workers that have not finished.
    working: usize,
    /// The error of a worker that could not take part.
    failed: Option<Error>,
}

impl<B> Shared<B> {
    /// No user code runs under the lock, so a panic cannot leave the state inconsistent.
    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits for room for another batch. Returns `false` if no more is needed.
    fn reserve(&self) -> bool {
        let mut state = self.lock();
        while !self.stopped() && !state.drawn_all && state.outstanding >= self.window {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let wanted = !self.stopped() && !state.drawn_all;
        state.outstanding += usize::from(wanted);
        wanted
    }

    /// Marks the end of the data and gives the reservation back.
    fn finish(&self) {
        let mut state = self.lock();
        state.outstanding -= 1;
        state.drawn_all = true;
        self.room.notify_all();
        self.news.notify_one();
    }

    /// Waits until every worker has finished. Returns `false` after the limit.
    fn idle_within(&self, limit: Duration) -> bool {
        let (state, _) = self
            .news
            .wait_timeout_while(self.lock(), limit, |state| state.working > 0)
            .unwrap_or_else(PoisonError::into_inner);
        state.working == 0
    }

    fn deliver(&self, batch: usize, made: Result<B>) {
        if self.stopped() {
            // The batch is dropped here, outside the lock.
            return;
        }
        self.lock().ready.insert(batch, made);
        self.news.notify_one();
    }
}

impl<B: Send> Task for Shared<B> {
    fn work(&self, worker: usize) {
        // Signals the loop on every exit, panics included.
        let _finished = Finished(self);
        let _attached = self.recorder.as_ref().map(|recorder| recorder.attach(&format!("data-worker-{worker}")));
        let Some(watch) = self.watches.get(worker) else { return };
        while self.reserve() {
            let Some(Job { batch, make }) = Arc::clone(&self.epoch).draw() else {
                self.finish();
                return;
            };
            watch.start(batch);
            let made = catch_panic(|| make(watch)).map_err(|error| error.at(in_batch(batch)));
            watch.finish();
            self.deliver(batch, made);
        }
    }

    fn decline(&self, error: Error) {
        let _finished = Finished(self);
        self.lock().failed.get_or_insert(error);
    }
}

struct Finished<'a, B>(&'a Shared<B>);

impl<B> Drop for Finished<'_, B> {
    fn drop(&mut self) {
        self.0.lock().working -= 1;
        self.0.news.notify_one();
    }
}

/// The batches of an epoch that workers make, in order.
pub(in crate::data) struct Ordered<B> {
    shared: Arc<Shared<B>>,
    workers: Workers,
    pool: Option<WorkerPool>,
    /// The number of the next batch.
    next: usize,
    ended: bool,
}

impl<B: Send + 'static> Ordered<B> {
    pub(in crate::data) fn start(epoch: Arc<dyn Epoch<B>>, first: usize, workers: &Workers) -> Result<Self> {
        let pool = workers.acquire()?;
        let count = workers.settings.count;
        let stop = Arc::new(AtomicBool::new(false));
        let state = State { outstanding: 0, ready: BTreeMap::new(), drawn_all: false, working: count, failed: None };
        let shared = Arc::new(Shared {
            epoch,
            window: workers.settings.prefetch().saturating_add(count),
            watches: std::iter::repeat_with(|| Watch::new(&stop)).take(count).collect(),
            stop,
            recorder: trace::current(),
            state: Mutex::new(state),
            news: Condvar::new(),
            room: Condvar::new(),
        });
        let task: Arc<dyn Task> = shared.clone();
        pool.submit(&task);
        Ok(Self { shared, workers: workers.clone(), pool: Some(pool), next: first, ended: false })
    }
}

impl<B> Ordered<B> {
    /// Waits for the next batch; `None` at the end. A signal ends the wait: an item may hang for
    /// longer than the process has left.
    fn wait(&mut self) -> Option<Result<B>> {
        let shared = &*self.shared;
        let deadline = self.workers.settings.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = shared.lock();
        loop {
            if let Some(made) = state.ready.remove(&self.next) {
                state.outstanding -= 1;
                self.next += 1;
                shared.room.notify_one();
                return Some(made);
            }
            if let Some(error) = state.failed.take() {
                self.ended = true;
                return Some(Err(error));
            }
            if state.drawn_all && state.outstanding == 0 {
                self.ended = true;
                return None;
            }
            if state.working == 0 {
                self.ended = true;
                let lost = Error::data(format!("the data workers ended before batch {} was ready", self.next));
                return Some(Err(lost.at(in_batch(self.next))));
            }
            if signals::pending() {
                drop(state);
                return Some(Err(self.interrupt()));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                drop(state);
                return Some(Err(self.time_out()));
            }
            let limit = left.map_or(SIGNAL_INTERVAL, |left| left.min(SIGNAL_INTERVAL));
            let since = Instant::now();
            let _span = trace::span(Kind::Data, "wait");
            state = shared.news.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0;
            stalls::add(since.elapsed());
        }
    }

    /// Stops after the timeout. The error names what the batch is waiting for.
    fn time_out(&mut self) -> Error {
        let (batch, doing) = self.abandon();
        let timeout = self.workers.settings.timeout.unwrap_or_default();
        Error::data(format!("batch {batch} was not ready after {timeout:?}: {doing}"))
            .at(in_batch(batch))
            .help("increase `timeout`, or make the dataset or `collate` faster")
    }

    /// Stops after a signal.
    fn interrupt(&mut self) -> Error {
        let (batch, doing) = self.abandon();
        Error::new(ErrorKind::Interrupted, format!("interrupted by a signal before batch {batch} was ready: {doing}"))
            .at(in_batch(batch))
    }

    /// Ends the epoch without waiting for the workers. Returns the number of the next batch and
    /// what it is waiting for.
    fn abandon(&mut self) -> (usize, String) {
        self.ended = true;
        let batch = self.next;
        let doing = self.shared.watches.iter().enumerate().find(|(_, watch)| watch.batch() == Some(batch));
        let doing = match doing.map(|(worker, watch)| (worker, watch.item())) {
            Some((worker, Some(item))) => format!("worker {worker} is at item {item} of the dataset"),
            Some((worker, None)) => format!("worker {worker} is collating it"),
            None => "no worker has started it".to_owned(),
        };
        // A worker may hang, so the pool is detached instead of joined.
        self.stop();
        if let Some(pool) = self.pool.take() {
            pool.detach();
        }
        (batch, doing)
    }

    /// Tells the workers to stop, and drops the ready batches.
    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut state = self.shared.lock();
        let ready = std::mem::take(&mut state.ready);
        self.shared.room.notify_all();
        drop(state);
        drop(ready);
    }
}

impl<B> Iterator for Ordered<B> {
    type Item = Result<B>;

    fn next(&mut self) -> Option<Result<B>> {
        if self.ended { None } else { self.wait() }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.shared.epoch.end().map(|end| end.saturating_sub(self.next));
        // The lower bound is 0: an error may end the epoch early.
        if self.ended { (0, Some(0)) } else { (0, left) }
    }
}

impl<B> Drop for Ordered<B> {
    fn drop(&mut self) {
        self.stop();
        let Some(pool) = self.pool.take() else { return };
        let limit = if signals::pending() { INTERRUPTED_SHUTDOWN_TIMEOUT } else { SHUTDOWN_TIMEOUT };
        if self.shared.idle_within(limit) {
            // A pool that is not persistent is dropped, which joins its threads.
            self.workers.release(pool);
        } else {
            pool.detach();
        }
    }
}
