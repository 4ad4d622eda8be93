//! What the tests of loaders share: a watchdog, and a count of the threads that live.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use lightning_core::{
    DataLoader, Result,
    data::{Batches, EpochOffset},
};

/// Runs `body` on a thread of its own; a minute without an end is a failure and not a hanging test.
pub fn watched<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, waiting) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let result = body();
        // The receiver is gone where the watchdog has barked.
        let _ = done.send(());
        result
    });
    if waiting.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("it hangs");
    }
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Counts the threads that have been prepared by it and have not ended.
#[derive(Clone, Default)]
pub struct Threads(Arc<AtomicUsize>);

thread_local! {
    static ALIVE: RefCell<Vec<Alive>> = const { RefCell::new(Vec::new()) };
}

/// Dropped with the thread that keeps it.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Threads {
    /// To be called by each thread, in `worker_init`.
    pub fn count_this(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        ALIVE.with_borrow_mut(|alive| alive.push(Alive(Arc::clone(&self.0))));
    }

    pub fn alive(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits, within the watchdog's patience, for threads that are not joined.
    pub fn wait_until_none(&self) {
        while self.alive() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

pub fn at(seed: u64, epoch: u64, batch: u64) -> EpochOffset {
    EpochOffset { seed, epoch, batch }
}

/// The start of the first epoch.
pub fn open<B: 'static>(loader: &DataLoader<B>) -> Batches<B> {
    loader.resume(EpochOffset::default()).unwrap()
}

pub fn read<B: 'static>(loader: &DataLoader<B>, from: EpochOffset) -> Vec<B> {
    loader.resume(from).unwrap().collect::<Result<_>>().unwrap()
}
