//! The loader that most programs use: batches of a dataset, of an iterable, or of other loaders.

use std::{fmt, sync::Arc};

use burn::tensor::Device;

use super::{Batches, DataLoaderBuilder, EpochOffset, IterableBuilder, Loader, Share, iterable::ReadyBatches};
use crate::{
    batch::Batch,
    data::Dataset,
    error::{Error, Result},
    random::Rng,
};

/// A loader with workers, shuffling and random access; only the type of a batch remains visible.
///
/// It is built from a dataset ([`builder`](Self::builder)), from an iterable
/// ([`iterable`](DataLoader::iterable)), from ready batches ([`from_iter`](DataLoader::from_iter),
/// [`from_batches`](DataLoader::from_batches)), or from another loader
/// ([`from_loader`](DataLoader::from_loader), [`Combined`](crate::data::Combined)).
///
/// The order depends on seed and epoch alone, whatever the number of workers. A batch that cannot
/// be made is an error that names the item or the batch; the batches after it can still be
/// requested. Dropping the iterator of an epoch stops its workers.
///
/// ```
/// use lightning_core::data::{DataLoader, EpochOffset};
///
/// let loader = DataLoader::builder(vec![1.0, 2.0, 3.0, 4.0, 5.0])
///     .batch_size(2)
///     .shuffle(true)
///     .num_workers(1)
///     .collate(|items: Vec<f64>| Ok(items.iter().sum::<f64>()))
///     .build()?;
/// assert_eq!(loader.len(), Some(3));
///
/// let at = |epoch| EpochOffset { seed: 42, epoch, batch: 0 };
/// let epoch = |epoch| loader.resume(at(epoch))?.collect::<Result<Vec<f64>, _>>();
/// assert_eq!(epoch(0)?, epoch(0)?);
/// assert_eq!(epoch(0)?.iter().sum::<f64>(), 15.0);
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct DataLoader<B> {
    loader: Arc<dyn Loader<B> + Sync>,
    summary: Summary,
    /// The share that its batches already are.
    share: Option<Share>,
}

/// What is known of a loader when it is built.
#[derive(Clone)]
pub(in crate::data) struct Summary {
    /// Items in the dataset; `None` if unknown.
    pub(in crate::data) items: Option<usize>,
    /// Items in a full batch; 1 for batches without a size.
    pub(in crate::data) batch_size: usize,
    pub(in crate::data) shuffle: bool,
    pub(in crate::data) drop_last: bool,
    pub(in crate::data) workers: usize,
}

impl Default for Summary {
    fn default() -> Self {
        Self { items: None, batch_size: 1, shuffle: false, drop_last: false, workers: 0 }
    }
}

impl<B> DataLoader<B> {
    pub(in crate::data) fn new(loader: impl Loader<B> + Sync, summary: Summary) -> Self {
        Self { loader: Arc::new(loader), summary, share: None }
    }

    /// Starts a loader of `dataset`. `B` is inferred from what `collate` returns, or from where the
    /// loader is used.
    pub fn builder<D: Dataset + 'static>(dataset: D) -> DataLoaderBuilder<D, B> {
        DataLoaderBuilder::new(dataset)
    }

    /// Says that the batches are only those of one process: a stream, such as a file or a queue, of
    /// which each process reads another part.
    ///
    /// A run with several processes divides the batches of a dataset itself. It cannot divide a
    /// stream whose length it does not know, and ends with an error unless the stream says whose
    /// share it is.
    ///
    /// ```
    /// use lightning_core::data::{DataLoader, EpochOffset};
    ///
    /// // In a run, these are `cx.rank()` and `cx.world_size()`.
    /// let (rank, world_size) = (1, 2);
    /// let loader = DataLoader::from_iter(move |_epoch, _rng| (0..10).skip(rank).step_by(world_size))
    ///     .shared(rank, world_size);
    /// let batches = loader.resume(EpochOffset::default())?;
    /// assert_eq!(batches.collect::<Result<Vec<_>, _>>()?, [1, 3, 5, 7, 9]);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    #[must_use]
    pub fn shared(mut self, rank: usize, world_size: usize) -> Self {
        self.share = Some(Share { rank, world_size });
        self
    }

    /// Items in a full batch; 1 for batches that carry no size.
    pub fn batch_size(&self) -> usize {
        self.summary.batch_size
    }
}

impl<B: 'static> DataLoader<B> {
    /// Batches in an epoch; `None` if unknown.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a loader of a dataset has at least one batch, and one of an iterable does not know"
    )]
    pub fn len(&self) -> Option<usize> {
        self.loader.len()
    }

    /// The dataset indices of the items in the batch at a position; `None` if the items have no
    /// index. Nothing is read.
    ///
    /// # Errors
    /// If the dataset's length changed since `build`, or if the sampler returns an index outside
    /// the dataset or another number of indices than it promised.
    ///
    /// ```
    /// use lightning_core::data::{DataLoader, EpochOffset};
    ///
    /// let loader =
    ///     DataLoader::builder(vec!['a', 'b', 'c', 'd', 'e']).batch_size(2).collate(Ok).build()?;
    /// # let _: &lightning_core::DataLoader<Vec<char>> = &loader;
    /// let last = EpochOffset { batch: 2, ..EpochOffset::default() };
    /// assert_eq!(loader.indices(last)?, Some(vec![4]));
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    pub fn indices(&self, at: EpochOffset) -> Result<Option<Vec<usize>>> {
        self.loader.indices(at)
    }

    /// The batches from `position` to the end of its epoch. Batches before it are not read, except
    /// those of an iterable, which has no index.
    ///
    /// # Errors
    /// As [`Loader::batches`].
    ///
    /// ```
    /// use lightning_core::data::{DataLoader, EpochOffset};
    ///
    /// let items: Vec<i32> = (0..7).collect();
    /// let loader = DataLoader::builder(items).batch_size(3).collate(Ok).build()?;
    /// let rest = loader.resume(EpochOffset { batch: 1, ..EpochOffset::default() })?;
    /// assert_eq!(rest.collect::<Result<Vec<Vec<i32>>, _>>()?, [vec![3, 4, 5], vec![6]]);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    pub fn resume(&self, position: EpochOffset) -> Result<Batches<B>> {
        self.loader.batches(position)
    }

    /// Creates a loader of ready batches whose number need not be known: each epoch iterates over
    /// the value that `batches` returns for its number. The random numbers depend on the run's seed
    /// and the epoch.
    ///
    /// The iterator runs on the thread of the training loop. For items, workers and `collate`, see
    /// [`iterable`](Self::iterable).
    ///
    /// ```
    /// use lightning_core::data::{DataLoader, EpochOffset};
    ///
    /// let loader = DataLoader::from_iter(|_epoch, mut rng| (0..3).map(move |_| rng.uniform()));
    /// assert_eq!(loader.len(), None);
    /// assert_eq!(loader.resume(EpochOffset::default())?.count(), 3);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    #[expect(clippy::should_implement_trait, reason = "it takes a function that returns an iterator for each epoch")]
    pub fn from_iter<F, I>(batches: F) -> Self
    where
        F: Fn(u64, Rng) -> I + Send + Sync + 'static,
        I: IntoIterator<Item = B>,
        I::IntoIter: Send + 'static,
    {
        Self::new(ReadyBatches(move |epoch, rng| batches(epoch, rng).into_iter().map(Ok)), Summary::default())
    }

    /// As [`from_iter`](Self::from_iter), for fallible batches.
    pub fn try_from_iter<F, I>(batches: F) -> Self
    where
        F: Fn(u64, Rng) -> I + Send + Sync + 'static,
        I: IntoIterator<Item = Result<B>>,
        I::IntoIter: Send + 'static,
    {
        Self::new(ReadyBatches(move |epoch, rng| batches(epoch, rng).into_iter()), Summary::default())
    }

    /// Starts a loader of items that can only be read in sequence, and whose number need not be
    /// known: a file, a queue, a simulation. Each epoch reads the value that `items` returns for
    /// its number.
    ///
    /// With several workers, one at a time takes the items of a batch; `map` and `collate` run in
    /// parallel.
    ///
    /// ```
    /// use lightning_core::data::{DataLoader, EpochOffset};
    ///
    /// let loader = DataLoader::iterable(|epoch, _rng| epoch * 10..epoch * 10 + 5)
    ///     .batch_size(2)
    ///     .num_workers(2)
    ///     .collate(|items: Vec<u64>| Ok(items))
    ///     .build()?;
    /// let epoch = loader.resume(EpochOffset { epoch: 1, ..EpochOffset::default() })?;
    /// assert_eq!(epoch.collect::<Result<Vec<_>, _>>()?, [vec![10, 11], vec![12, 13], vec![14]]);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    pub fn iterable<I, F, J>(items: F) -> IterableBuilder<I, B>
    where
        I: Send + 'static,
        F: Fn(u64, Rng) -> J + Send + Sync + 'static,
        J: IntoIterator<Item = I>,
        J::IntoIter: Send + 'static,
    {
        IterableBuilder::new(move |epoch, rng| items(epoch, rng).into_iter().map(Ok))
    }

    /// As [`iterable`](Self::iterable), for fallible items. The epoch ends at the first error.
    pub fn try_iterable<I, F, J>(items: F) -> IterableBuilder<I, B>
    where
        I: Send + 'static,
        F: Fn(u64, Rng) -> J + Send + Sync + 'static,
        J: IntoIterator<Item = Result<I>>,
        J::IntoIter: Send + 'static,
    {
        IterableBuilder::new(move |epoch, rng| items(epoch, rng).into_iter())
    }

    /// Wraps any loader, for use where a `DataLoader` is required.
    ///
    /// ```
    /// use lightning_core::data::{Batches, DataLoader, Loader, EpochOffset};
    ///
    /// /// Counts down.
    /// struct Countdown(i32);
    ///
    /// impl Loader<i32> for Countdown {
    ///     fn len(&self) -> Option<usize> {
    ///         usize::try_from(self.0).ok()
    ///     }
    ///
    ///     fn batches(&self, from: EpochOffset) -> lightning_core::Result<Batches<i32>> {
    ///         Ok(Box::new((0..self.0).rev().skip(from.batch as usize).map(Ok)))
    ///     }
    /// }
    ///
    /// let loader = DataLoader::from_loader(Countdown(3));
    /// assert_eq!(loader.len(), Some(3));
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    pub fn from_loader(loader: impl Loader<B> + Sync) -> Self {
        Self::new(loader, Summary::default())
    }
}

impl DataLoader<()> {
    /// Creates an endless loader of empty batches, for a module that generates its data in the
    /// step, as in reinforcement learning. The trainer's `limit_train_batches` or `max_steps` sets
    /// the length of an epoch.
    ///
    /// ```
    /// use lightning_core::data::{DataLoader, EpochOffset};
    ///
    /// assert_eq!(DataLoader::ticks().resume(EpochOffset::default())?.take(3).count(), 3);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    pub fn ticks() -> Self {
        Self::from_iter(|_, _| std::iter::repeat(()))
    }
}

impl<B: Batch + Clone + Sync> DataLoader<B> {
    /// Creates a loader of ready batches. Every epoch has them in the given order.
    ///
    /// # Errors
    /// If `batches` is empty.
    pub fn from_batches(batches: Vec<B>) -> Result<Self> {
        if batches.is_empty() {
            return Err(
                Error::data("a loader must have at least one batch, found none").help("pass at least one batch")
            );
        }
        let batch_size = batches.first().and_then(B::batch_size).unwrap_or(1);
        let summary = Summary { items: Some(batches.len()), batch_size, ..Summary::default() };
        Ok(Self::new(batches, summary))
    }
}

impl<B: 'static> Loader<B> for DataLoader<B> {
    fn len(&self) -> Option<usize> {
        self.loader.len()
    }

    fn shuffles(&self) -> bool {
        self.summary.shuffle
    }

    fn is_inline(&self) -> bool {
        self.summary.items.is_some() && self.summary.workers == 0
    }

    fn batches(&self, from: EpochOffset) -> Result<Batches<B>> {
        self.loader.batches(from)
    }

    fn batches_for(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        self.loader.batches_for(from, device)
    }

    fn batches_in_order(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        self.loader.batches_in_order(from, device)
    }

    fn batches_of_share(&self, from: EpochOffset, device: &Device, share: Share, in_order: bool) -> Result<Batches<B>> {
        self.loader.batches_of_share(from, device, share, in_order)
    }

    fn own_share(&self) -> Option<Share> {
        self.share.or_else(|| self.loader.own_share())
    }

    fn indices(&self, at: EpochOffset) -> Result<Option<Vec<usize>>> {
        self.loader.indices(at)
    }
}

/// Cheap: the dataset is shared.
impl<B> Clone for DataLoader<B> {
    fn clone(&self) -> Self {
        Self { loader: Arc::clone(&self.loader), summary: self.summary.clone(), share: self.share }
    }
}

impl<B: 'static> fmt::Debug for DataLoader<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { items, batch_size, shuffle, drop_last, workers } = &self.summary;
        f.debug_struct("DataLoader")
            .field("items", items)
            .field("batches", &self.len())
            .field("batch_size", batch_size)
            .field("shuffle", shuffle)
            .field("drop_last", drop_last)
            .field("num_workers", workers)
            .finish_non_exhaustive()
    }
}
