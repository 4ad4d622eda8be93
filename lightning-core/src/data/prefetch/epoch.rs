//! One epoch of a loader, as those see it that make its batches: threads, or the loop itself.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::error::{Error, Location, Result};

/// One epoch of a loader, from which batches are drawn in order and made in any.
pub(in crate::data) trait Epoch<B>: Send + Sync {
    /// The next batch in the making; `None` at the end.
    fn draw(self: Arc<Self>) -> Option<Job<B>>;

    /// The number after that of the last batch, where that is known.
    fn end(&self) -> Option<usize>;
}

/// Makes a batch, on any thread.
pub(in crate::data) type Make<B> = Box<dyn FnOnce(&Watch) -> Result<B> + Send>;

/// A batch that was drawn and is not made yet.
pub(in crate::data) struct Job<B> {
    /// Its number in the epoch.
    pub(in crate::data) batch: usize,
    /// Makes it, on any thread.
    pub(in crate::data) make: Make<B>,
}

/// What a thread is doing, for those who wait for it; and the word that nobody waits any more.
#[derive(Debug, Default)]
pub(in crate::data) struct Watch {
    /// The batch and the item that are being worked on, each plus one; 0 for none. One word each is enough: it is only told.
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

    /// Notes the item that is next.
    ///
    /// # Errors
    /// When nobody waits for the batch any more.
    pub(in crate::data) fn reach(&self, item: usize) -> Result<()> {
        self.item.store(item.wrapping_add(1), Ordering::Relaxed);
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::data("the batch is not wanted any more"));
        }
        Ok(())
    }

    /// The items are there; what is done now is done with all of them.
    pub(in crate::data) fn leave_items(&self) {
        self.item.store(0, Ordering::Relaxed);
    }

    /// The item that is being worked on.
    pub(in crate::data) fn item(&self) -> Option<usize> {
        self.item.load(Ordering::Relaxed).checked_sub(1)
    }

    /// The batch that is being worked on.
    pub(in crate::data) fn batch(&self) -> Option<usize> {
        self.batch.load(Ordering::Relaxed).checked_sub(1)
    }
}

/// Makes the batches on the thread that asks for them. After an error it goes on with the next batch.
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

/// The place of a batch.
pub(in crate::data) fn in_batch(batch: usize) -> Location {
    Location { batch: Some(batch as u64), ..Location::default() }
}
