//! The settings of a loader in the making.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use burn::tensor::TensorData;

use super::{
    BatchSampler, DataLoader, Dataset, FromItems, LengthBuckets, Sampler,
    indexed::{Indexed, Recipe, Stage},
    layout::{LayoutSettings, Problems},
    prefetch::workers::{WorkerSettings, Workers},
    transform::{Fallible, Infallible, NoMap, Then, Transform},
};
use crate::{
    batch::Batch,
    error::{Error, Result},
    random::Rng,
};

/// The settings of a [`DataLoader`] in the making: what [`DataLoader::builder`] returns. [`build`](Self::build) checks them all together.
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
    layout: LayoutSettings<D::Item>,
    workers: WorkerSettings,
    map: M,
    collate: C,
    stage: Option<Stage<B>>,
}

impl<D: Dataset + 'static, B> DataLoaderBuilder<D, B> {
    pub(super) fn new(dataset: D) -> Self {
        Self {
            dataset,
            layout: LayoutSettings::default(),
            workers: WorkerSettings::default(),
            map: NoMap,
            collate: NoCollate,
            stage: None,
        }
    }
}

/// The settings that loaders of datasets and of iterables have in common.
macro_rules! worker_settings {
    () => {
        /// How many threads make batches while the loop works on others; 0 when not set: the loop makes them itself.
        ///
        /// The batches and their order are the same for any number. At most `prefetch + num_workers + 1` batches are alive at a time.
        #[must_use]
        pub fn num_workers(mut self, num_workers: usize) -> Self {
            self.workers.count = num_workers;
            self
        }

        /// How many batches may be ready before they are asked for, beside the one that each worker is making; twice the number of
        /// workers when not set. Without workers nothing is made ahead.
        #[must_use]
        pub fn prefetch(mut self, prefetch: usize) -> Self {
            self.workers.prefetch = Some(prefetch);
            self
        }

        /// How long the loop waits for a batch, which then is an error that names the batch and the item; as long as it takes when not set.
        /// It needs a worker: the loop cannot interrupt itself.
        ///
        /// A thread cannot be ended from outside: the worker that hangs is left behind, and ends when its item is done.
        #[must_use]
        pub fn timeout(mut self, timeout: Duration) -> Self {
            self.workers.timeout = Some(timeout);
            self
        }

        /// Prepares the thread of each worker, whose number it gets, before its first item. Without workers it is not called.
        #[must_use]
        pub fn worker_init(mut self, init: impl Fn(usize) -> Result<()> + Send + Sync + 'static) -> Self {
            self.workers.init = Some(Arc::new(init));
            self
        }

        /// Whether the workers wait for the next epoch instead of being started anew, which saves their `worker_init`; not when not set.
        #[must_use]
        pub fn persistent_workers(mut self, persistent: bool) -> Self {
            self.workers.persistent = persistent;
            self
        }

        /// Whether the memory of a batch is put where its copy to the device is fast (Burn's staging: pinned memory for a GPU), on the
        /// thread that makes the batch; not when not set. On a CPU it changes nothing.
        #[must_use]
        pub fn pin_memory(mut self, pin_memory: bool) -> Self
        where
            B: Batch,
        {
            self.stage = pin_memory.then_some(B::stage as Stage<B>);
            self
        }
    };
}

pub(super) use worker_settings;

impl<D: Dataset + 'static, B, C, M> DataLoaderBuilder<D, B, C, M> {
    /// How many items make a batch; 1 when not set.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.layout.batch_size = Some(batch_size);
        self
    }

    /// Whether the items come in another random order in each epoch; not when not set.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.layout.shuffle = Some(shuffle);
        self
    }

    /// Whether a last batch with fewer items is left out; not when not set.
    #[must_use]
    pub fn drop_last(mut self, drop_last: bool) -> Self {
        self.layout.drop_last = Some(drop_last);
        self
    }

    /// Which items an epoch has and in which order, instead of all in the dataset's order:
    /// [`RandomSampler`](super::RandomSampler), [`WeightedRandomSampler`](super::WeightedRandomSampler),
    /// [`SubsetRandomSampler`](super::SubsetRandomSampler), [`DistributedSampler`](super::DistributedSampler), or one of your own.
    #[must_use]
    pub fn sampler(mut self, sampler: impl Sampler) -> Self {
        self.layout.sampler = Some(Box::new(sampler));
        self
    }

    /// Which items stand together in a batch, instead of `batch_size`, `shuffle`, `sampler` and `drop_last`: [`LengthBuckets`], or one of
    /// your own.
    #[must_use]
    pub fn batch_sampler(mut self, batch_sampler: impl BatchSampler<D::Item>) -> Self {
        self.layout.batch_sampler = Some(Box::new(batch_sampler));
        self
    }

    /// Batches of items of nearly one length: [`batch_sampler`](Self::batch_sampler) with [`LengthBuckets`].
    #[must_use]
    pub fn length_buckets(self, batch_size: usize, length: impl Fn(&D::Item) -> usize + Send + Sync + 'static) -> Self
    where
        D::Item: 'static,
    {
        self.batch_sampler(LengthBuckets::new(batch_size, length))
    }

    worker_settings!();

    /// How the items of a batch become the batch, whose tensors stay on the host: the loop moves them. When not set,
    /// [`FromItems`] says how.
    #[must_use]
    pub fn collate<F>(self, collate: F) -> DataLoaderBuilder<D, B, F, M>
    where
        M: Transform<D::Item>,
        F: Fn(Vec<M::Output>) -> Result<B> + Send + Sync + 'static,
    {
        let Self { dataset, layout, workers, map, collate: _, stage } = self;
        DataLoaderBuilder { dataset, layout, workers, map, collate, stage }
    }

    /// Checks every setting; the error tells all that is wrong at once.
    pub fn build(self) -> Result<DataLoader<B>>
    where
        B: Send + 'static,
        D::Item: 'static,
        M: Transform<D::Item>,
        C: Collate<M::Output, B>,
    {
        let Self { dataset, layout, workers, map, collate, stage } = self;
        let mut problems = Problems::default();
        let layout = layout.check(&dataset, &mut problems);
        check_workers(&workers, &mut problems);
        problems.finish()?;
        let recipe = Recipe { dataset, map, collate, layout, stage, batch: PhantomData };
        let loader = Indexed { recipe: Arc::new(recipe), workers: Workers::new(workers) };
        let summary = loader.summary();
        Ok(DataLoader::new(loader, summary))
    }
}

impl<D: Dataset + 'static, B, M> DataLoaderBuilder<D, B, NoCollate, M> {
    /// What is done to every item, on the thread that makes its batch: augmentation, say. Several are done one after the other.
    ///
    /// The random numbers of an item are a function of the run's seed, the epoch and the item's index: they do not depend on the number of
    /// workers, and a resumed run has the same. It stands before `collate`, which gets what it returns.
    ///
    /// ```
    /// use lightning_core::data::{DataLoader, EpochOffset};
    ///
    /// let loader = DataLoader::builder(vec![1.0, 2.0])
    ///     .map(|item, rng| item + 0.01 * rng.normal())
    ///     .collate(|items: Vec<f64>| Ok(items))
    ///     .build()?;
    /// let epoch = |epoch| loader.resume(EpochOffset { epoch, ..EpochOffset::default() })?.collect::<lightning_core::Result<Vec<_>>>();
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

    /// As [`map`](Self::map), for what can fail: the error names the item.
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
        let Self { dataset, layout, workers, map, collate, stage } = self;
        DataLoaderBuilder { dataset, layout, workers, map: Then::new(map, next), collate, stage }
    }
}

pub(super) fn check_workers(workers: &WorkerSettings, problems: &mut Problems) {
    match workers.timeout {
        Some(Duration::ZERO) => problems.tell("`timeout` is 0", "leave `timeout` out for no limit"),
        Some(_) if workers.count == 0 => problems.tell(
            "`timeout` needs a worker: the loop cannot interrupt itself",
            "set `num_workers` to at least 1, or leave `timeout` out",
        ),
        _ => {}
    }
}

impl<D: Dataset, B, C, M> fmt::Debug for DataLoaderBuilder<D, B, C, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataLoaderBuilder")
            .field("items", &self.dataset.len())
            .field("batch_size", &self.layout.batch_size)
            .field("shuffle", &self.layout.shuffle)
            .field("drop_last", &self.layout.drop_last)
            .field("num_workers", &self.workers.count)
            .finish_non_exhaustive()
    }
}

/// A function that makes a batch `B` of items; implemented for every `Fn(Vec<Item>) -> Result<B>`.
#[diagnostic::on_unimplemented(
    message = "the loader cannot collate its items into `{B}`",
    label = "`collate` is missing",
    note = "write `.collate(|items: Vec<{Item}>| …)` before `.build()`, or \
            `DataLoader::from_batches` for ready batches"
)]
pub trait Collate<Item, B>: Send + Sync + 'static {
    /// Makes the batch.
    fn collate(&self, items: Vec<Item>) -> Result<B>;

    /// How many columns the batch is made of, where it can be made of columns as well.
    #[doc(hidden)]
    fn columns(&self) -> Option<usize> {
        None
    }

    /// Makes the batch of so many columns.
    #[doc(hidden)]
    fn collate_columns(&self, columns: Vec<TensorData>) -> Result<B> {
        let _ = columns;
        Err(Error::data("this batch is not made of columns"))
    }
}

impl<Item, B, F: Fn(Vec<Item>) -> Result<B> + Send + Sync + 'static> Collate<Item, B> for F {
    fn collate(&self, items: Vec<Item>) -> Result<B> {
        self(items)
    }
}

/// Stands in a [`DataLoaderBuilder`] until `collate` is given, and makes batches by [`FromItems`] where it is not.
#[derive(Clone, Copy, Debug)]
pub struct NoCollate;

impl<Item, B: FromItems<Item>> Collate<Item, B> for NoCollate {
    fn collate(&self, items: Vec<Item>) -> Result<B> {
        B::from_items(items)
    }

    fn columns(&self) -> Option<usize> {
        B::COLUMNS
    }

    fn collate_columns(&self, columns: Vec<TensorData>) -> Result<B> {
        B::from_columns(&mut columns.into_iter())
    }
}
