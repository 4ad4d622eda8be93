//! Loaders of iterables, which are read from their beginning and whose length need not be known.

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use burn::tensor::Device;

use super::{
    Batches, Collate, DataLoader, EpochOffset, Loader, NoCollate, NoMap, Summary,
    builder::check_workers,
    errors::LoaderErrors,
    indexed::{Stage, collate, mapped, staged, wrapped},
    transform::{Fallible, Infallible, Then, Transform},
};
use crate::{
    batch::Batch,
    data::prefetch::{
        epoch::{Epoch, Job, Reader, Watch, in_batch},
        ordered::Ordered,
        workers::{WorkerSettings, Workers},
    },
    error::{Error, Result},
    os::panics::catch_panic,
    random::{Rng, Stream},
    trace::{At, Kind, Span},
};

/// The items of one epoch.
type Items<I> = Box<dyn Iterator<Item = Result<I>> + Send>;

/// Returns the items of an epoch.
type Start<I> = Arc<dyn Fn(u64, Rng) -> Items<I> + Send + Sync>;

/// The settings of a [`DataLoader`] of an iterable, returned by [`DataLoader::iterable`] and
/// [`DataLoader::try_iterable`]. They have the meaning of those of
/// [`DataLoaderBuilder`](crate::data::DataLoaderBuilder).
pub struct IterableBuilder<I, B, C = NoCollate, M = NoMap> {
    start: Start<I>,
    batch_size: usize,
    drop_last: bool,
    workers: WorkerSettings,
    map: M,
    collate: C,
    stage: Option<Stage<B>>,
}

impl<I: Send + 'static, B> IterableBuilder<I, B> {
    pub(super) fn new<F, J>(start: F) -> Self
    where
        F: Fn(u64, Rng) -> J + Send + Sync + 'static,
        J: Iterator<Item = Result<I>> + Send + 'static,
    {
        Self {
            start: Arc::new(move |epoch, rng| Box::new(start(epoch, rng))),
            batch_size: 1,
            drop_last: false,
            workers: WorkerSettings::default(),
            map: NoMap,
            collate: NoCollate,
            stage: None,
        }
    }
}

impl<I: Send + 'static, B, C, M> IterableBuilder<I, B, C, M> {
    /// As [`DataLoaderBuilder::batch_size`](crate::data::DataLoaderBuilder::batch_size).
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// As [`DataLoaderBuilder::drop_last`](crate::data::DataLoaderBuilder::drop_last).
    #[must_use]
    pub fn drop_last(mut self, drop_last: bool) -> Self {
        self.drop_last = drop_last;
        self
    }

    /// As [`DataLoaderBuilder::num_workers`](crate::data::DataLoaderBuilder::num_workers).
    #[must_use]
    pub fn num_workers(mut self, num_workers: usize) -> Self {
        self.workers.count = num_workers;
        self
    }

    /// As [`DataLoaderBuilder::prefetch`](crate::data::DataLoaderBuilder::prefetch).
    #[must_use]
    pub fn prefetch(mut self, prefetch: usize) -> Self {
        self.workers.prefetch = Some(prefetch);
        self
    }

    /// As [`DataLoaderBuilder::timeout`](crate::data::DataLoaderBuilder::timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.workers.timeout = Some(timeout);
        self
    }

    /// As [`DataLoaderBuilder::worker_init`](crate::data::DataLoaderBuilder::worker_init).
    #[must_use]
    pub fn worker_init(mut self, init: impl Fn(usize) -> Result<()> + Send + Sync + 'static) -> Self {
        self.workers.init = Some(Arc::new(init));
        self
    }

    /// As
    /// [`DataLoaderBuilder::persistent_workers`](crate::data::DataLoaderBuilder::persistent_workers).
    #[must_use]
    pub fn persistent_workers(mut self, persistent: bool) -> Self {
        self.workers.persistent = persistent;
        self
    }

    /// As [`DataLoaderBuilder::pin_memory`](crate::data::DataLoaderBuilder::pin_memory).
    #[must_use]
    pub fn pin_memory(mut self, pin_memory: bool) -> Self
    where
        B: Batch,
    {
        self.stage = pin_memory.then_some(B::stage as Stage<B>);
        self
    }

    /// As [`DataLoaderBuilder::collate`](crate::data::DataLoaderBuilder::collate).
    #[must_use]
    pub fn collate<F>(self, collate: F) -> IterableBuilder<I, B, F, M>
    where
        M: Transform<I>,
        F: Fn(Vec<M::Output>) -> Result<B> + Send + Sync + 'static,
    {
        let Self { start, batch_size, drop_last, workers, map, collate: _, stage } = self;
        IterableBuilder { start, batch_size, drop_last, workers, map, collate, stage }
    }

    /// Checks the settings and builds the loader.
    ///
    /// # Errors
    /// All wrong settings in one error: a batch size of 0, a timeout of 0 or without workers.
    pub fn build(self) -> Result<DataLoader<B>>
    where
        B: Send + 'static,
        M: Transform<I>,
        C: Collate<M::Output, B>,
    {
        let Self { start, batch_size, drop_last, workers, map, collate, stage } = self;
        let mut errors = LoaderErrors::default();
        if batch_size == 0 {
            errors.push("`batch_size` must be at least 1, found 0", "set `batch_size` to at least 1");
        }
        check_workers(&workers, &mut errors);
        errors.into_result()?;
        let summary = Summary { batch_size, drop_last, workers: workers.count, ..Summary::default() };
        let recipe = Recipe { start, batch_size, drop_last, map, collate, stage, batch: PhantomData };
        Ok(DataLoader::new(Iterable { recipe: Arc::new(recipe), workers: Workers::new(workers) }, summary))
    }
}

impl<I: Send + 'static, B, M> IterableBuilder<I, B, NoCollate, M> {
    /// Adds a function that is applied to every item on the thread that makes its batch. The random
    /// numbers of an item are a function of the run's seed, the epoch and the item's place in the
    /// epoch.
    #[must_use]
    pub fn map<T, F>(self, map: F) -> IterableBuilder<I, B, NoCollate, Then<M, Infallible<F>>>
    where
        M: Transform<I>,
        F: Fn(M::Output, &mut Rng) -> T + Send + Sync + 'static,
        T: Send,
    {
        self.then(Infallible::new(map))
    }

    /// As [`map`](Self::map), for a fallible function. The error names the item.
    #[must_use]
    pub fn try_map<T, F>(self, map: F) -> IterableBuilder<I, B, NoCollate, Then<M, Fallible<F>>>
    where
        M: Transform<I>,
        F: Fn(M::Output, &mut Rng) -> Result<T> + Send + Sync + 'static,
        T: Send,
    {
        self.then(Fallible::new(map))
    }

    fn then<F>(self, next: F) -> IterableBuilder<I, B, NoCollate, Then<M, F>> {
        let Self { start, batch_size, drop_last, workers, map, collate, stage } = self;
        IterableBuilder { start, batch_size, drop_last, workers, map: Then::new(map, next), collate, stage }
    }
}

impl<I, B, C, M> fmt::Debug for IterableBuilder<I, B, C, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IterableBuilder")
            .field("batch_size", &self.batch_size)
            .field("drop_last", &self.drop_last)
            .field("num_workers", &self.workers.count)
            .finish_non_exhaustive()
    }
}

struct Recipe<I, B, C, M> {
    start: Start<I>,
    batch_size: usize,
    drop_last: bool,
    map: M,
    collate: C,
    stage: Option<Stage<B>>,
    batch: PhantomData<fn() -> B>,
}

struct Iterable<I, B, C, M> {
    recipe: Arc<Recipe<I, B, C, M>>,
    workers: Workers,
}

impl<I, B, C, M> Loader<B> for Iterable<I, B, C, M>
where
    I: Send + 'static,
    B: Send + 'static,
    M: Transform<I>,
    C: Collate<M::Output, B>,
{
    fn len(&self) -> Option<usize> {
        None
    }

    fn batches(&self, from: EpochOffset) -> Result<Batches<B>> {
        self.open(from, None)
    }

    fn batches_for(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        self.open(from, Some(device))
    }
}

impl<I, B, C, M> Iterable<I, B, C, M>
where
    I: Send + 'static,
    B: Send + 'static,
    M: Transform<I>,
    C: Collate<M::Output, B>,
{
    fn open(&self, from: EpochOffset, device: Option<&Device>) -> Result<Batches<B>> {
        let first = usize::try_from(from.batch).unwrap_or(usize::MAX);
        let mut items = catch_panic(|| Ok((self.recipe.start)(from.epoch, rng(from))))
            .map_err(|error| wrapped(error, format!("epoch {} of the iterable could not be started", from.epoch)))?;
        let skipped = first.saturating_mul(self.recipe.batch_size);
        // Items before the position have to be read; they are neither mapped nor collated.
        let exhausted = skipped > 0 && catch_panic(|| Ok(items.nth(skipped - 1).is_none()))?;
        let pulled = Pulled { items: if exhausted { None } else { Some(items) }, item: skipped, batch: first };
        let epoch: Arc<dyn Epoch<B>> = Arc::new(IterableEpoch {
            recipe: Arc::clone(&self.recipe),
            pulled: Mutex::new(pulled),
            seed: from.seed,
            epoch: from.epoch,
            device: device.filter(|_| self.recipe.stage.is_some()).cloned(),
        });
        if self.workers.settings.count == 0 {
            return Ok(Box::new(Reader::new(epoch, first)));
        }
        Ok(Box::new(Ordered::start(epoch, first, &self.workers)?))
    }
}

/// The random numbers of an epoch's items.
pub(super) fn rng(from: EpochOffset) -> Rng {
    Rng::derived(from.seed, Stream::Sample, from.epoch, 0)
}

struct IterableEpoch<I, B, C, M> {
    recipe: Arc<Recipe<I, B, C, M>>,
    /// Locked: one thread at a time advances the iterator, and batches are numbered in that order.
    pulled: Mutex<Pulled<I>>,
    seed: u64,
    epoch: u64,
    device: Option<Device>,
}

struct Pulled<I> {
    /// `None` at the end.
    items: Option<Items<I>>,
    /// The place of the next item.
    item: usize,
    /// The number of the next batch.
    batch: usize,
}

impl<I: Send + 'static> Pulled<I> {
    /// The items of the next batch with the place of the first; `None` at the end.
    fn next(&mut self, size: usize, drop_last: bool) -> Option<(usize, Result<Vec<I>>)> {
        let mut items = self.items.take()?;
        let (first, mut batch) = (self.item, Vec::new());
        while batch.len() < size {
            let place = self.item;
            match catch_panic(|| items.next().transpose()) {
                Ok(Some(item)) => batch.push(item),
                Ok(None) if batch.is_empty() || drop_last => return None,
                Ok(None) => return Some((first, Ok(batch))),
                // An iterator that failed is not called again.
                Err(error) => {
                    return Some((
                        first,
                        Err(wrapped(error, format!("item {place} of the iterable could not be read"))),
                    ));
                }
            }
            self.item += 1;
        }
        self.items = Some(items);
        Some((first, Ok(batch)))
    }
}

impl<I, B, C, M> Epoch<B> for IterableEpoch<I, B, C, M>
where
    I: Send + 'static,
    B: Send + 'static,
    M: Transform<I>,
    C: Collate<M::Output, B>,
{
    fn draw(self: Arc<Self>) -> Option<Job<B>> {
        let mut pulled = self.pulled.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = pulled.batch;
        let span = Span::at(Kind::Data, "fetch", At::Batch(batch as u64));
        let Some((first, items)) = pulled.next(self.recipe.batch_size, self.recipe.drop_last) else {
            span.cancel();
            return None;
        };
        drop(span);
        pulled.batch += 1;
        drop(pulled);
        Some(Job { batch, make: Box::new(move |watch| self.make(batch, first, items, watch)) })
    }

    fn end(&self) -> Option<usize> {
        None
    }
}

impl<I, B, C, M> IterableEpoch<I, B, C, M>
where
    M: Transform<I>,
    C: Collate<M::Output, B>,
{
    fn make(&self, batch: usize, first: usize, items: Result<Vec<I>>, watch: &Watch) -> Result<B> {
        let Recipe { map, collate: by, stage, .. } = &*self.recipe;
        let make = || {
            let span = Span::at(Kind::Data, "map", At::Batch(batch as u64));
            let items = items?.into_iter().enumerate().map(|(place, item)| {
                watch.reach(first + place)?;
                mapped(map, item, first + place, (self.seed, self.epoch))
            });
            let items = items.collect::<Result<Vec<_>>>()?;
            drop(span);
            watch.leave_items();
            collate(by, items, batch)
        };
        let made = make().map_err(|error: Error| error.at(in_batch(batch)))?;
        Ok(staged(made, *stage, self.device.as_ref()))
    }
}

/// A loader of the batches of an iterator, on the thread of the training loop.
pub(super) struct ReadyBatches<F>(pub(super) F);

impl<B, F, J> Loader<B> for ReadyBatches<F>
where
    B: 'static,
    F: Fn(u64, Rng) -> J + Send + Sync + 'static,
    J: Iterator<Item = Result<B>> + Send + 'static,
{
    fn len(&self) -> Option<usize> {
        None
    }

    fn batches(&self, from: EpochOffset) -> Result<Batches<B>> {
        let batches = (self.0)(from.epoch, rng(from));
        Ok(Box::new(batches.skip(usize::try_from(from.batch).unwrap_or(usize::MAX))))
    }
}
