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

/// How long items gather after the reader has taken all. Waking it costs the writer more than the item
/// does: for each of the rows of a fast training loop it would be some percent of the step.
const GATHER: Duration = Duration::from_millis(20);

/// A bounded queue with one reader.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    /// An item was added that does not gather, or the queue was closed.
    filled: Condvar,
    /// An item was taken.
    freed: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    is_closed: bool,
    reader: Reader,
    /// The writers that wait for room.
    writers: usize,
}

/// What the reader does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reader {
    /// It handles an item.
    Busy,
    /// It lets items gather.
    Gathers,
    /// It waits for the next item.
    Idle,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Arc<Self> {
        let waiting = Waiting { items: VecDeque::new(), bytes: 0, is_closed: false, reader: Reader::Busy, writers: 0 };
        Arc::new(Self { waiting: Mutex::new(waiting), filled: Condvar::new(), freed: Condvar::new() })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        // No code that can panic runs while the lock is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item of `bytes` bytes, and waits for room for at most `timeout`. The reader takes it
    /// after a moment, together with others. Returns whether it was added.
    pub(super) fn push(&self, item: T, bytes: usize, timeout: Duration) -> bool {
        self.add(item, bytes, timeout, false)
    }

    /// As [`push`](Self::push), for an item that somebody waits for: the reader takes it at once, after
    /// everything before.
    pub(super) fn push_now(&self, item: T, timeout: Duration) -> bool {
        self.add(item, 0, timeout, true)
    }

    fn add(&self, item: T, bytes: usize, timeout: Duration, is_urgent: bool) -> bool {
        let mut waiting = self.waiting();
        let started = Instant::now();
        while !waiting.has_room(bytes) {
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() || waiting.is_closed {
                return false;
            }
            self.filled.notify_one();
            waiting.writers += 1;
            waiting = self.freed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
            waiting.writers -= 1;
        }
        waiting.items.push_back((item, bytes));
        waiting.bytes += bytes;
        let is_woken = match waiting.reader {
            Reader::Busy => false,
            Reader::Gathers => is_urgent,
            Reader::Idle => true,
        };
        // Without the lock, which the reader needs next.
        drop(waiting);
        if is_woken {
            self.filled.notify_one();
        }
        true
    }

    /// Takes the oldest item, and waits for one; `None` once the queue is closed and empty.
    pub(super) fn pop(&self) -> Option<T> {
        let mut waiting = self.waiting();
        let mut gathered = false;
        loop {
            // Items that were there when the last one was done are taken at once.
            if let Some((item, bytes)) = waiting.items.pop_front() {
                waiting.bytes -= bytes;
                waiting.reader = Reader::Busy;
                if waiting.writers > 0 {
                    self.freed.notify_one();
                }
                return Some(item);
            }
            if waiting.is_closed {
                return None;
            }
            if gathered {
                waiting.reader = Reader::Idle;
                waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            } else {
                waiting.reader = Reader::Gathers;
                waiting = self.filled.wait_timeout(waiting, GATHER).unwrap_or_else(PoisonError::into_inner).0;
                gathered = true;
            }
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
    use std::sync::mpsc::{Receiver, channel};

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

    /// How long an item waits that is added while the reader lets items gather.
    fn delay(queue: &Queue<u32>, taken: &Receiver<u32>, is_urgent: bool) -> Duration {
        assert!(queue.push(0, 1, Duration::ZERO));
        assert_eq!(taken.recv(), Ok(0));
        while queue.waiting().reader == Reader::Busy {
            std::thread::yield_now();
        }
        let added = Instant::now();
        assert!(queue.add(1, 1, Duration::ZERO, is_urgent));
        assert_eq!(taken.recv(), Ok(1));
        added.elapsed()
    }

    #[test]
    fn items_gather_unless_somebody_waits() {
        let (queue, (sender, taken)) = (Queue::new(), channel());
        let reader = std::thread::spawn({
            let queue = queue.clone();
            move || while queue.pop().is_some_and(|item| sender.send(item).is_ok()) {}
        });
        // One is enough: on a busy machine the moment may be over before the second item is added.
        assert!((0..20).any(|_| delay(&queue, &taken, false) >= GATHER / 2));
        assert!((0..20).any(|_| delay(&queue, &taken, true) < GATHER / 2));
        queue.close();
        assert!(reader.join().is_ok());
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
