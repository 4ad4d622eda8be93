//! A bounded queue between the training thread and the thread of a logger.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The largest number of items that wait.
const CAPACITY: usize = 4096;

/// The largest number of bytes that wait, unless one item alone is larger.
const BYTES: usize = 64 * 1024 * 1024;

/// A bounded queue with one reader.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    /// An item was added or the queue was closed.
    filled: Condvar,
    /// An item was taken.
    freed: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    is_closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Arc<Self> {
        let waiting = Waiting { items: VecDeque::new(), bytes: 0, is_closed: false };
        Arc::new(Self { waiting: Mutex::new(waiting), filled: Condvar::new(), freed: Condvar::new() })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        // No code that can panic runs while the lock is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item of `bytes` bytes, and waits for room for at most `timeout`. Returns whether it
    /// was added.
    pub(super) fn push(&self, item: T, bytes: usize, timeout: Duration) -> bool {
        let mut waiting = self.waiting();
        let started = Instant::now();
        while !waiting.has_room(bytes) {
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() || waiting.is_closed {
                return false;
            }
            waiting = self.freed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.items.push_back((item, bytes));
        waiting.bytes += bytes;
        self.filled.notify_one();
        true
    }

    /// Takes the oldest item, and waits for one; `None` once the queue is closed and empty.
    pub(super) fn pop(&self) -> Option<T> {
        let mut waiting = self.waiting();
        loop {
            if let Some((item, bytes)) = waiting.items.pop_front() {
                waiting.bytes -= bytes;
                self.freed.notify_one();
                return Some(item);
            }
            if waiting.is_closed {
                return None;
            }
            waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the reader once it has taken what waits.
    pub(super) fn close(&self) {
        self.waiting().is_closed = true;
        self.filled.notify_all();
    }
}

impl<T> Waiting<T> {
    fn has_room(&self, bytes: usize) -> bool {
        self.items.is_empty() || (self.items.len() < CAPACITY && self.bytes.saturating_add(bytes) <= BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_in_order_and_a_closed_queue_is_emptied_first() {
        let queue = Queue::new();
        for item in 0..3 {
            assert!(queue.push(item, 1, Duration::ZERO));
        }
        queue.close();
        let taken: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(taken, [0, 1, 2]);
    }

    #[test]
    fn a_full_queue_refuses_after_the_timeout() {
        let queue = Queue::new();
        assert!(queue.push(0, 10 * BYTES, Duration::ZERO), "one item may be larger than the bound");
        assert!(!queue.push(1, 1, Duration::from_millis(1)));
        assert_eq!(queue.pop(), Some(0));
        for item in 0..CAPACITY {
            assert!(queue.push(item, 1, Duration::ZERO));
        }
        assert!(!queue.push(0, 1, Duration::from_millis(1)));
    }

    #[test]
    fn a_writer_waits_for_room() {
        let queue = Queue::new();
        assert!(queue.push(0, BYTES, Duration::ZERO));
        let reader = std::thread::spawn({
            let queue = queue.clone();
            move || {
                std::thread::sleep(Duration::from_millis(20));
                (queue.pop(), queue.pop())
            }
        });
        assert!(queue.push(1, BYTES, Duration::from_secs(60)));
        assert_eq!(reader.join().ok(), Some((Some(0), Some(1))));
    }
}
