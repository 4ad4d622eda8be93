//! The settings of a loader of a dataset.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use super::{
    Collate, DataLoader, NoCollate,
    batch_plan::BatchPlanSettings,
    errors::LoaderErrors,
    indexed::{Indexed, Recipe, Stage},
    transform::{Fallible, Infallible, NoMap, Then, Transform},
};
use crate::{
    batch::Batch,
    data::{
        BatchSampler, Dataset, LengthBuckets, Sampler,
        prefetch::workers::{WorkerSettings, Workers},
    },
    error::Result,
    random::Rng,
};

/// The settings of a [`DataLoader`] of a dataset, returned by [`DataLoader::builder`].
/// [`build`](Self::build) checks all of them.
///
/// ```
/// use lightning_core::data::{DataLoader, EpochOffset};
///
/// let loader = DataLoader::builder((0..100).collect::<Vec<i32>>())
///     .batch_size(8)
///     .shuffle(true)
///     .drop_last(true)
///     .num_workers(2)
///     .map(|item, rng| item + rng.random_range(0..10) as i32)
///     .collate(|items: Vec<i32>| Ok(items))
///     .build()?;
/// assert_eq!((loader.len(), loader.batch_size()), (Some(12), 8));
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct DataLoaderBuilder<D: Dataset, B, C = NoCollate, M = NoMap> {
    dataset: D,
    plan: BatchPlanSettings<D::Item>,
    workers: WorkerSettings,
    map: M,
    collate: C,
    stage: Option<Stage<B>>,
}

impl<D: Dataset + 'static, B> DataLoaderBuilder<D, B> {
    pub(super) fn new(dataset: D) -> Self {
        Self {
            dataset,
            plan: BatchPlanSettings::default(),
            workers: WorkerSettings::default(),
            map: NoMap,
            collate: NoCollate,
            stage: None,
        }
    }
}

impl<D: Dataset + 'static, B, C, M> DataLoaderBuilder<D, B, C, M> {
    /// Sets the number of items in a batch. Default: 1.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.plan.batch_size = Some(batch_size);
        self
    }

    /// Sets whether the items come in a new random order in each epoch. Default: `false`.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.plan.shuffle = Some(shuffle);
        self
    }

    /// Sets whether a last batch with fewer items is left out. Default: `false`.
    #[must_use]
    pub fn drop_last(mut self, drop_last: bool) -> Self {
        self.plan.drop_last = Some(drop_last);
        self
    }

    /// Sets which items an epoch has and in which order. Default: all, in the order of the dataset.
    ///
    /// Samplers are [`RandomSampler`](crate::data::RandomSampler),
    /// [`WeightedRandomSampler`](crate::data::WeightedRandomSampler),
    /// [`SubsetRandomSampler`](crate::data::SubsetRandomSampler),
    /// [`DistributedSampler`](crate::data::DistributedSampler), and your own implementations of
    /// [`Sampler`].
    #[must_use]
    pub fn sampler(mut self, sampler: impl Sampler) -> Self {
        self.plan.sampler = Some(Box::new(sampler));
        self
    }

    /// Sets which items form each batch, in place of `batch_size`, `shuffle`, `sampler` and
    /// `drop_last`: [`LengthBuckets`], or your own implementation of [`BatchSampler`].
    #[must_use]
    pub fn batch_sampler(mut self, batch_sampler: impl BatchSampler<D::Item>) -> Self {
        self.plan.batch_sampler = Some(Box::new(batch_sampler));
        self
    }

    /// Groups items of similar length into batches: [`batch_sampler`](Self::batch_sampler) with
    /// [`LengthBuckets`].
    #[must_use]
    pub fn length_buckets(self, batch_size: usize, length: impl Fn(&D::Item) -> usize + Send + Sync + 'static) -> Self
    where
        D::Item: 'static,
    {
        self.batch_sampler(LengthBuckets::new(batch_size, length))
    }

    /// Sets the number of threads that make batches while the training loop works on others.
    /// Default: 0, the loop makes them itself.
    ///
    /// The batches and their order are the same for any number. At most `prefetch + num_workers +
    /// 1` batches are alive at a time.
    ///
    /// With workers, SIGINT and SIGTERM end a run without waiting for an item that is being read.
    /// Without workers they wait for it, because the loop cannot interrupt itself.
    #[must_use]
    pub fn num_workers(mut self, num_workers: usize) -> Self {
        self.workers.count = num_workers;
        self
    }

    /// Sets the number of batches that may be ready before they are needed, in addition to the one
    /// that each worker is making. Default: `2 * num_workers`. Without workers, no batch is made
    /// ahead.
    #[must_use]
    pub fn prefetch(mut self, prefetch: usize) -> Self {
        self.workers.prefetch = Some(prefetch);
        self
    }

    /// Sets how long the loop waits for a batch. Default: without limit. After the timeout the
    /// batch is an error that names the batch and the item. Needs a worker, because the loop cannot
    /// interrupt itself.
    ///
    /// A thread cannot be stopped from outside: the worker that hangs is detached, and ends when
    /// its item is done.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.workers.timeout = Some(timeout);
        self
    }

    /// Sets a function that each worker calls with its number, from 0, before its first item.
    /// Without workers it is not called.
    #[must_use]
    pub fn worker_init(mut self, init: impl Fn(usize) -> Result<()> + Send + Sync + 'static) -> Self {
        self.workers.init = Some(Arc::new(init));
        self
    }

    /// Sets whether the workers wait for the next epoch instead of being started again, which saves
    /// their `worker_init`. Default: `false`.
    #[must_use]
    pub fn persistent_workers(mut self, persistent: bool) -> Self {
        self.workers.persistent = persistent;
        self
    }

    /// Sets whether the thread that makes a batch puts it in memory from which the copy to the
    /// device is fast (Burn's staging: pinned memory for a GPU). Default: `false`. It has no effect
    /// on a CPU device.
    #[must_use]
    pub fn pin_memory(mut self, pin_memory: bool) -> Self
    where
        B: Batch,
    {
        self.stage = pin_memory.then_some(B::stage as Stage<B>);
        self
    }

    /// Sets how the items of a batch become the batch. Default:
    /// [`FromItems`](crate::data::FromItems). The tensors stay on the host; the training loop moves
    /// them to the device.
    #[must_use]
    pub fn collate<F>(self, collate: F) -> DataLoaderBuilder<D, B, F, M>
    where
        M: Transform<D::Item>,
        F: Fn(Vec<M::Output>) -> Result<B> + Send + Sync + 'static,
    {
        let Self { dataset, plan, workers, map, collate: _, stage } = self;
        DataLoaderBuilder { dataset, plan, workers, map, collate, stage }
    }

    /// Checks the settings and builds the loader.
    ///
    /// # Errors
    /// All wrong settings in one error: an empty dataset, a batch size of 0, settings that exclude
    /// each other, `drop_last` with fewer items than a batch, a timeout of 0 or without workers,
    /// and what the sampler reports.
    pub fn build(self) -> Result<DataLoader<B>>
    where
        B: Send + 'static,
        D::Item: 'static,
        M: Transform<D::Item>,
        C: Collate<M::Output, B>,
    {
        let Self { dataset, plan, workers, map, collate, stage } = self;
        let mut errors = LoaderErrors::default();
        let plan = plan.check(&dataset, &mut errors);
        check_workers(&workers, &mut errors);
        errors.into_result()?;
        let recipe = Recipe { dataset, map, collate, plan, stage, batch: PhantomData };
        let loader = Indexed { recipe: Arc::new(recipe), workers: Workers::new(workers) };
        let summary = loader.summary();
        Ok(DataLoader::new(loader, summary))
    }
}

impl<D: Dataset + 'static, B, M> DataLoaderBuilder<D, B, NoCollate, M> {
    /// Adds a function that is applied to every item on the thread that makes its batch, such as an
    /// augmentation. Several functions are applied in order. Call it before `collate`, which
    /// receives the result.
    ///
    /// The random numbers of an item are a function of the run's seed, the epoch and the item's
    /// index. They do not depend on the number of workers, and a resumed run has the same.
    ///
    /// ```
    /// use lightning_core::{
    ///     Result,
    ///     data::{DataLoader, EpochOffset},
    /// };
    ///
    /// let loader = DataLoader::builder(vec![1.0, 2.0])
    ///     .map(|item, rng| item + 0.01 * rng.normal())
    ///     .collate(|items: Vec<f64>| Ok(items))
    ///     .build()?;
    /// let at = |epoch| EpochOffset { epoch, ..EpochOffset::default() };
    /// let epoch = |epoch| loader.resume(at(epoch))?.collect::<Result<Vec<_>>>();
    /// assert_eq!(epoch(0)?, epoch(0)?);
    /// assert_ne!(epoch(0)?, epoch(1)?);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    #[must_use]
    pub fn map<T, F>(self, map: F) -> DataLoaderBuilder<D, B, NoCollate, Then<M, Infallible<F>>>
    where
        M: Transform<D::Item>,
        F: Fn(M::Output, &mut Rng) -> T + Send + Sync + 'static,
        T: Send,
    {
        self.then(Infallible::new(map))
    }

    /// As [`map`](Self::map), for a fallible function. The error names the item.
    #[must_use]
    pub fn try_map<T, F>(self, map: F) -> DataLoaderBuilder<D, B, NoCollate, Then<M, Fallible<F>>>
    where
        M: Transform<D::Item>,
        F: Fn(M::Output, &mut Rng) -> Result<T> + Send + Sync + 'static,
        T: Send,
    {
        self.then(Fallible::new(map))
    }

    fn then<F>(self, next: F) -> DataLoaderBuilder<D, B, NoCollate, Then<M, F>> {
        let Self { dataset, plan, workers, map, collate, stage } = self;
        DataLoaderBuilder { dataset, plan, workers, map: Then::new(map, next), collate, stage }
    }
}

pub(super) fn check_workers(workers: &WorkerSettings, errors: &mut LoaderErrors) {
    match workers.timeout {
        Some(Duration::ZERO) => {
            errors.push("`timeout` must be positive, found 0", "remove `timeout` to wait without limit");
        }
        Some(_) if workers.count == 0 => errors.push(
            "`timeout` needs a worker: the loop cannot interrupt itself",
            "set `num_workers` to at least 1, or remove `timeout`",
        ),
        _ => {}
    }
}

impl<D: Dataset, B, C, M> fmt::Debug for DataLoaderBuilder<D, B, C, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataLoaderBuilder")
            .field("items", &self.dataset.len())
            .field("batch_size", &self.plan.batch_size)
            .field("shuffle", &self.plan.shuffle)
            .field("drop_last", &self.plan.drop_last)
            .field("num_workers", &self.workers.count)
            .finish_non_exhaustive()
    }
}
