//! One epoch of a loader, as its batches are made: by workers, or by the training loop.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::error::{Error, Location, Result};

/// One epoch of a loader. Batches are drawn in order and made in any order.
pub(in crate::data) trait Epoch<B>: Send + Sync {
    /// Draws the next batch; `None` at the end.
    fn draw(self: Arc<Self>) -> Option<Job<B>>;

    /// One past the number of the last batch; `None` if unknown.
    fn end(&self) -> Option<usize>;
}

/// Makes a batch, on any thread.
pub(in crate::data) type Make<B> = Box<dyn FnOnce(&Watch) -> Result<B> + Send>;

/// A batch that was drawn and not made yet.
pub(in crate::data) struct Job<B> {
    /// Its number in the epoch.
    pub(in crate::data) batch: usize,
    /// Makes it, on any thread.
    pub(in crate::data) make: Make<B>,
}

/// Shows what a thread is doing, and tells it to stop.
#[derive(Debug, Default)]
pub(in crate::data) struct Watch {
    /// The current batch and item, each plus one; 0 for none. Relaxed atomics suffice, since the
    /// values only go into messages.
    batch: AtomicUsize,
    item: AtomicUsize,
    stop: Arc<AtomicBool>,
}

impl Watch {
    pub(in crate::data) fn new(stop: &Arc<AtomicBool>) -> Self {
        Self { stop: Arc::clone(stop), ..Self::default() }
    }

    pub(in crate::data) fn start(&self, batch: usize) {
        self.item.store(0, Ordering::Relaxed);
        self.batch.store(batch.wrapping_add(1), Ordering::Relaxed);
    }

    pub(in crate::data) fn finish(&self) {
        self.batch.store(0, Ordering::Relaxed);
    }

    /// Records that an item is read next.
    ///
    /// # Errors
    /// If the batch is no longer needed.
    pub(in crate::data) fn reach(&self, item: usize) -> Result<()> {
        self.item.store(item.wrapping_add(1), Ordering::Relaxed);
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::data("the batch is no longer needed"));
        }
        Ok(())
    }

    /// Records that all items are read.
    pub(in crate::data) fn leave_items(&self) {
        self.item.store(0, Ordering::Relaxed);
    }

    /// The current item.
    pub(in crate::data) fn item(&self) -> Option<usize> {
        self.item.load(Ordering::Relaxed).checked_sub(1)
    }

    /// The current batch.
    pub(in crate::data) fn batch(&self) -> Option<usize> {
        self.batch.load(Ordering::Relaxed).checked_sub(1)
    }
}

/// Makes batches on the thread that reads them. After an error it continues with the next batch.
pub(in crate::data) struct Reader<B> {
    epoch: Arc<dyn Epoch<B>>,
    /// The number of the next batch.
    next: usize,
    watch: Watch,
}

impl<B> Reader<B> {
    pub(in crate::data) fn new(epoch: Arc<dyn Epoch<B>>, first: usize) -> Self {
        Self { epoch, next: first, watch: Watch::default() }
    }
}

impl<B> Iterator for Reader<B> {
    type Item = Result<B>;

    fn next(&mut self) -> Option<Result<B>> {
        let job = Arc::clone(&self.epoch).draw()?;
        self.next = job.batch + 1;
        self.watch.start(job.batch);
        Some((job.make)(&self.watch))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.epoch.end().map(|end| end.saturating_sub(self.next));
        (left.unwrap_or(0), left)
    }
}

/// The location of a batch, for an error.
pub(in crate::data) fn in_batch(batch: usize) -> Location {
    Location { batch: Some(batch as u64), ..Location::default() }
}
