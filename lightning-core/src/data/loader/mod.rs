//! Loaders: batches in an order that is a pure function of seed and epoch, from any position.

use std::{fmt, sync::Arc};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::{
    data::{DataLoaderBuilder, Dataset, IterableBuilder, batch::Batch, stream::ReadyBatches},
    error::{Error, Result},
    random::Rng,
};

/// Where reading starts: a plain value that a checkpoint stores and a resumed run hands back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EpochOffset {
    /// The seed of the run.
    pub seed: u64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The next batch inside the epoch, from 0.
    pub batch: u64,
}

/// The batches of one epoch.
pub type Batches<B> = Box<dyn Iterator<Item = Result<B>> + Send>;

/// Gives batches of type `B`, epoch by epoch.
///
/// [`DataLoader`] is the usual one; a `Vec<B>` of ready batches is another, and [`from_loader`] makes one of any iterable.
#[diagnostic::on_unimplemented(
    message = "this loader does not give batches of `{B}`",
    label = "gives no `{B}`",
    note = "loaders of `{B}` are `DataLoader<{B}>`, `Vec<{B}>` and `from_loader(…)` of an iterable of `{B}`"
)]
#[expect(clippy::len_without_is_empty, reason = "of an optional length, an empty loader is `len() == Some(0)`")]
pub trait Loader<B>: Send + 'static {
    /// How many batches an epoch has, where that is known.
    fn len(&self) -> Option<usize>;

    /// The batches from `from` to the end of its epoch.
    ///
    /// The order depends on `from.seed` and `from.epoch` alone, so that a run resumed at any batch sees the very same batches. Nothing
    /// before `from.batch` is read.
    fn batches(&self, from: EpochOffset) -> Result<Batches<B>>;

    /// As [`batches`](Self::batches), for a loop that moves them to `device`. A loader may put their memory where that is fast.
    fn batches_for(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        let _ = device;
        self.batches(from)
    }

    /// As [`batches_for`](Self::batches_for), in the order of the data: the trainer's `overfit_batches` reads a loader that shuffles this
    /// way. A loader with an order of its own keeps it.
    fn batches_in_order(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        self.batches_for(from, device)
    }
}

/// Gives the batches of a dataset, of an iterable, or of other loaders; the type says only what a batch is.
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
/// let epoch = |epoch| loader.resume(EpochOffset { seed: 42, epoch, batch: 0 })?.collect::<Result<Vec<f64>, _>>();
/// assert_eq!(epoch(0)?, epoch(0)?);
/// assert_eq!(epoch(0)?.iter().sum::<f64>(), 15.0);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// The order depends on seed and epoch alone, whatever the number of workers. A batch that cannot be made is an error with the item or the
/// batch in it; the batches after it can still be asked for. Dropping the iterator of an epoch ends its workers.
pub struct DataLoader<B> {
    source: Arc<dyn BatchSource<B>>,
}

/// Where the batches of a [`DataLoader`] come from: all types but that of the batch are erased.
pub(in crate::data) trait BatchSource<B>: Send + Sync {
    /// Batches in an epoch, where that is known.
    fn len(&self) -> Option<usize>;

    /// Items in a full batch; 1 where a batch has no size.
    fn batch_size(&self) -> usize;

    /// The batches from a position on, for a loop on a device.
    fn open(&self, from: EpochOffset, device: Option<&Device>) -> Result<Batches<B>>;

    /// As [`open`](Self::open), without shuffling.
    fn open_in_order(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        self.open(from, Some(device))
    }

    /// The indices of the items of one batch, where there are such.
    fn indices(&self, at: EpochOffset) -> Result<Option<Vec<usize>>> {
        let _ = at;
        Ok(None)
    }

    /// What `Debug` shows.
    fn describe(&self) -> Description;
}

/// What `Debug` shows of a loader.
#[derive(Default)]
pub(in crate::data) struct Description {
    pub(in crate::data) items: Option<usize>,
    pub(in crate::data) shuffle: bool,
    pub(in crate::data) drop_last: bool,
    pub(in crate::data) workers: usize,
}

impl<B> DataLoader<B> {
    pub(in crate::data) fn new(source: impl BatchSource<B> + 'static) -> Self {
        Self { source: Arc::new(source) }
    }

    /// Starts a loader of `dataset`; `B` follows from what `collate` returns, or from what the loader is used for.
    pub fn builder<D: Dataset + 'static>(dataset: D) -> DataLoaderBuilder<D, B> {
        DataLoaderBuilder::new(dataset)
    }

    /// How many batches an epoch has, where that is known.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a loader of a dataset has at least one batch, and one of an iterable does not know"
    )]
    pub fn len(&self) -> Option<usize> {
        self.source.len()
    }

    /// How many items a full batch has; 1 where batches come ready and carry no size.
    pub fn batch_size(&self) -> usize {
        self.source.batch_size()
    }

    /// The indices, in the dataset, of the items of the batch at a position; `None` where items have no index. Nothing is read.
    ///
    /// ```
    /// use lightning_core::data::{DataLoader, EpochOffset};
    ///
    /// let loader = DataLoader::builder(vec!['a', 'b', 'c', 'd', 'e']).batch_size(2).collate(Ok).build()?;
    /// # let _: &lightning_core::DataLoader<Vec<char>> = &loader;
    /// assert_eq!(loader.indices(EpochOffset { batch: 2, ..EpochOffset::default() })?, Some(vec![4]));
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    pub fn indices(&self, at: EpochOffset) -> Result<Option<Vec<usize>>> {
        self.source.indices(at)
    }
}

impl<B: 'static> DataLoader<B> {
    /// The batches from `position` to the end of its epoch. Nothing before it is read; an iterable, which has no index, is read through.
    ///
    /// ```
    /// use lightning_core::data::{DataLoader, EpochOffset};
    ///
    /// let loader = DataLoader::builder((0..7).collect::<Vec<i32>>()).batch_size(3).collate(Ok).build()?;
    /// let rest = loader.resume(EpochOffset { batch: 1, ..EpochOffset::default() })?;
    /// assert_eq!(rest.collect::<Result<Vec<Vec<i32>>, _>>()?, [vec![3, 4, 5], vec![6]]);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    pub fn resume(&self, position: EpochOffset) -> Result<Batches<B>> {
        self.source.open(position, None)
    }

    /// A loader of ready batches, of a length that need not be known: each epoch iterates over what `batches` returns for it. Its random
    /// numbers depend on the run's seed and the epoch.
    ///
    /// The iterator runs on the thread of the loop. For items, workers and `collate` see [`iterable`](Self::iterable).
    ///
    /// ```
    /// use lightning_core::data::{DataLoader, EpochOffset};
    ///
    /// let loader = DataLoader::from_iter(|_epoch, mut rng| (0..3).map(move |_| rng.uniform()));
    /// assert_eq!(loader.len(), None);
    /// assert_eq!(loader.resume(EpochOffset::default())?.count(), 3);
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    #[expect(clippy::should_implement_trait, reason = "it takes what makes an iterator for each epoch")]
    pub fn from_iter<F, I>(batches: F) -> Self
    where
        F: Fn(u64, Rng) -> I + Send + Sync + 'static,
        I: IntoIterator<Item = B>,
        I::IntoIter: Send + 'static,
    {
        Self::new(ReadyBatches(move |epoch, rng| batches(epoch, rng).into_iter().map(Ok)))
    }

    /// As [`from_iter`](Self::from_iter), for batches whose making can fail.
    pub fn try_from_iter<F, I>(batches: F) -> Self
    where
        F: Fn(u64, Rng) -> I + Send + Sync + 'static,
        I: IntoIterator<Item = Result<B>>,
        I::IntoIter: Send + 'static,
    {
        Self::new(ReadyBatches(move |epoch, rng| batches(epoch, rng).into_iter()))
    }

    /// Starts a loader of items that can only be read one after the other, as many as there are: a file, a queue, a simulation. Each epoch
    /// reads what `items` returns for it.
    ///
    /// With several workers one of them at a time takes the items of a batch; `map` and `collate` run side by side.
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

    /// As [`iterable`](Self::iterable), for items whose reading can fail. The epoch ends at the first error.
    pub fn try_iterable<I, F, J>(items: F) -> IterableBuilder<I, B>
    where
        I: Send + 'static,
        F: Fn(u64, Rng) -> J + Send + Sync + 'static,
        J: IntoIterator<Item = Result<I>>,
        J::IntoIter: Send + 'static,
    {
        IterableBuilder::new(move |epoch, rng| items(epoch, rng).into_iter())
    }

    /// Any loader as a `DataLoader`, so that it can stand where one is asked for.
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
        Self::new(Other(loader))
    }
}

impl DataLoader<()> {
    /// An endless loader of nothing: for a module that makes its own data in the step, as in reinforcement learning. The length of an epoch
    /// is what the trainer's `limit_train_batches` or `max_steps` says.
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
    /// A loader of ready batches, given in this order in every epoch.
    pub fn from_batches(batches: Vec<B>) -> Result<Self> {
        if batches.is_empty() {
            return Err(Error::data("there are no batches").help("give the loader at least one batch"));
        }
        Ok(Self::new(Ready(batches)))
    }
}

impl<B: 'static> Loader<B> for DataLoader<B> {
    fn len(&self) -> Option<usize> {
        self.source.len()
    }

    fn batches(&self, from: EpochOffset) -> Result<Batches<B>> {
        self.source.open(from, None)
    }

    fn batches_for(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        self.source.open(from, Some(device))
    }

    fn batches_in_order(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        self.source.open_in_order(from, device)
    }
}

/// Cheap: the dataset is shared.
impl<B> Clone for DataLoader<B> {
    fn clone(&self) -> Self {
        Self { source: Arc::clone(&self.source) }
    }
}

impl<B> fmt::Debug for DataLoader<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Description { items, shuffle, drop_last, workers } = self.source.describe();
        f.debug_struct("DataLoader")
            .field("items", &items)
            .field("batches", &self.len())
            .field("batch_size", &self.batch_size())
            .field("shuffle", &shuffle)
            .field("drop_last", &drop_last)
            .field("num_workers", &workers)
            .finish_non_exhaustive()
    }
}

struct Ready<B>(Vec<B>);

impl<B: Batch + Clone + Sync> BatchSource<B> for Ready<B> {
    fn len(&self) -> Option<usize> {
        Some(self.0.len())
    }

    fn batch_size(&self) -> usize {
        self.0.first().and_then(B::batch_size).unwrap_or(1)
    }

    fn open(&self, from: EpochOffset, _device: Option<&Device>) -> Result<Batches<B>> {
        self.0.batches(from)
    }

    fn describe(&self) -> Description {
        Description { items: Some(self.0.len()), ..Description::default() }
    }
}

struct Other<L>(L);

impl<B, L: Loader<B> + Sync> BatchSource<B> for Other<L> {
    fn len(&self) -> Option<usize> {
        self.0.len()
    }

    fn batch_size(&self) -> usize {
        1
    }

    fn open(&self, from: EpochOffset, device: Option<&Device>) -> Result<Batches<B>> {
        match device {
            Some(device) => self.0.batches_for(from, device),
            None => self.0.batches(from),
        }
    }

    fn describe(&self) -> Description {
        Description::default()
    }
}

/// Ready batches, given in this order in every epoch.
impl<B: Clone + Send + 'static> Loader<B> for Vec<B> {
    fn len(&self) -> Option<usize> {
        Some(self.len())
    }

    fn batches(&self, from: EpochOffset) -> Result<Batches<B>> {
        let skipped = usize::try_from(from.batch).unwrap_or(usize::MAX);
        let rest = self.as_slice().get(skipped..).map(<[B]>::to_vec).unwrap_or_default();
        Ok(Box::new(rest.into_iter().map(Ok)))
    }
}

/// A loader chosen at run time, or of your own.
impl<B: 'static> Loader<B> for Box<dyn Loader<B>> {
    fn len(&self) -> Option<usize> {
        (**self).len()
    }

    fn batches(&self, from: EpochOffset) -> Result<Batches<B>> {
        (**self).batches(from)
    }

    fn batches_for(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        (**self).batches_for(from, device)
    }

    fn batches_in_order(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        (**self).batches_in_order(from, device)
    }
}

/// An iterable as a loader: what [`from_loader`] returns.
#[derive(Clone, Debug)]
pub struct FromLoader<I>(I);

/// Makes a loader of anything that can be cloned and iterated over: each epoch iterates over a fresh clone.
///
/// Where a run resumes in the middle of an epoch, the batches before are skipped with `Iterator::nth`, which reads through them unless
/// the iterator knows better. The order is the iterable's own; it does not know seed and epoch.
///
/// ```
/// use lightning_core::data::{Loader, EpochOffset, from_loader};
///
/// let loader = from_loader((0..4).map(|i| i * i));
/// assert_eq!(loader.len(), Some(4));
/// let rest = loader.batches(EpochOffset { batch: 2, ..EpochOffset::default() })?.collect::<Result<Vec<i32>, _>>()?;
/// assert_eq!(rest, [4, 9]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub fn from_loader<I>(iterable: I) -> FromLoader<I>
where
    I: IntoIterator + Clone + Send + 'static,
    I::IntoIter: Send + 'static,
{
    FromLoader(iterable)
}

impl<B: 'static, I> Loader<B> for FromLoader<I>
where
    I: IntoIterator<Item = B> + Clone + Send + 'static,
    I::IntoIter: Send + 'static,
{
    /// Known where the iterator's `size_hint` is exact.
    fn len(&self) -> Option<usize> {
        let (least, most) = self.0.clone().into_iter().size_hint();
        most.filter(|most| *most == least)
    }

    fn batches(&self, from: EpochOffset) -> Result<Batches<B>> {
        let skipped = usize::try_from(from.batch).unwrap_or(usize::MAX);
        Ok(Box::new(self.0.clone().into_iter().skip(skipped).map(Ok)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::random::Stream;

    fn loader(n: usize, batch_size: usize, shuffle: bool, drop_last: bool) -> DataLoader<Vec<usize>> {
        let items: Vec<usize> = (0..n).collect();
        DataLoader::builder(items)
            .batch_size(batch_size)
            .shuffle(shuffle)
            .drop_last(drop_last)
            .collate(Ok)
            .build()
            .unwrap()
    }

    fn read<B>(loader: &impl Loader<B>, seed: u64, epoch: u64, batch: u64) -> Vec<B> {
        loader.batches(EpochOffset { seed, epoch, batch }).unwrap().collect::<Result<_>>().unwrap()
    }

    #[test]
    fn batches_in_order() {
        let all = loader(7, 3, false, false);
        assert_eq!(read(&all, 0, 0, 0), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        assert_eq!((all.len(), Loader::len(&all), all.batch_size()), (Some(3), Some(3), 3));
        let full = loader(7, 3, false, true);
        assert_eq!(read(&full, 0, 9, 1), [vec![3, 4, 5]]);
        assert_eq!(full.len(), Some(2));
        assert_eq!(read(&loader(6, 3, false, true), 0, 0, 0).len(), 2);
        assert_eq!(read(&loader(2, usize::MAX, true, false), 0, 0, 0).len(), 1);
    }

    #[test]
    fn the_order_is_a_function_of_seed_and_epoch() {
        let loader = loader(100, 7, true, false);
        let epoch = read(&loader, 42, 3, 0);
        assert_eq!(epoch, read(&loader.clone(), 42, 3, 0));
        assert_ne!(epoch, read(&loader, 42, 4, 0));
        assert_ne!(epoch, read(&loader, 43, 3, 0));
        let mut items = epoch.concat();
        assert_eq!(items, Rng::derived(42, Stream::Shuffle, 3, 0).permutation(100));
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn reading_starts_at_any_batch() {
        let loader = loader(50, 8, true, false);
        let epoch = read(&loader, 1, 1, 0);
        for start in 0..=epoch.len() + 1 {
            let rest = loader.batches(EpochOffset { seed: 1, epoch: 1, batch: start as u64 }).unwrap();
            assert_eq!(rest.size_hint().0, epoch.len().saturating_sub(start));
            assert_eq!(rest.collect::<Result<Vec<_>>>().unwrap(), epoch.as_slice().get(start..).unwrap_or_default());
        }
        assert!(read(&loader, 1, 1, u64::MAX).is_empty());
    }

    struct Counted(Arc<AtomicUsize>);

    impl Dataset for Counted {
        type Item = usize;

        fn len(&self) -> usize {
            20
        }

        fn get(&self, index: usize) -> Result<usize> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if index == 13 { Err(Error::msg("the disk is gone")) } else { Ok(index) }
        }
    }

    #[test]
    fn nothing_before_the_position_is_read() {
        let count = Arc::new(AtomicUsize::new(0));
        let loader = DataLoader::builder(Counted(Arc::clone(&count))).batch_size(5).collate(Ok).build().unwrap();
        let rest = read(&loader, 0, 0, 3);
        assert_eq!(rest, [[15, 16, 17, 18, 19]]);
        assert_eq!(count.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn a_failing_item_is_named() {
        let loader = DataLoader::builder(Counted(Arc::default())).batch_size(5).collate(Ok).build().unwrap();
        let batches: Vec<Result<Vec<usize>>> = loader.batches(EpochOffset::default()).unwrap().collect();
        let error = batches[2].as_ref().unwrap_err();
        assert_eq!(error.to_string(), "item 13 of the dataset could not be read: the disk is gone (batch 2)");
        assert!(batches[3].is_ok());
    }

    #[test]
    fn a_failing_collate_names_the_batch() {
        let items = vec![1, 2, 3];
        let loader: DataLoader<i32> =
            DataLoader::builder(items).batch_size(2).collate(|_| Err(Error::msg("ragged"))).build().unwrap();
        let error =
            loader.batches(EpochOffset { batch: 1, ..EpochOffset::default() }).unwrap().next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "`collate` failed on batch 1 with 1 items: ragged (batch 1)");
    }

    #[test]
    fn wrong_settings_are_told_together() {
        let build = |n: usize, batch_size, drop_last| {
            let items: Vec<usize> = (0..n).collect();
            let loader = DataLoader::builder(items).batch_size(batch_size).drop_last(drop_last).collate(Ok).build();
            loader.map(|loader| loader.len()).map_err(|error| error.message().to_owned())
        };
        assert_eq!(build(0, 0, true), Err("the dataset is empty; `batch_size` is 0".to_owned()));
        assert_eq!(
            build(3, 4, true),
            Err("`drop_last` leaves no batch: the dataset has 3 items, `batch_size` is 4".to_owned())
        );
        assert_eq!(build(3, 4, false), Ok(Some(1)));
        assert!(DataLoader::<usize>::from_batches(Vec::new()).is_err());
    }

    #[test]
    fn ready_batches() {
        let batches = vec![String::from("a"), String::from("b"), String::from("c")];
        let loader = DataLoader::from_batches(batches.clone()).unwrap();
        assert_eq!(read(&loader, 0, 0, 1), ["b", "c"]);
        assert_eq!((loader.len(), loader.batch_size()), (Some(3), 1));
        assert_eq!(read(&batches, 5, 5, 2), ["c"]);
        assert!(read(&batches, 5, 5, 4).is_empty());
        let boxed: Box<dyn Loader<String>> = Box::new(batches);
        assert_eq!((Loader::len(&boxed), read(&boxed, 0, 0, 0).len()), (Some(3), 3));
        assert_eq!(
            format!("{loader:?}"),
            "DataLoader { items: Some(3), batches: Some(3), batch_size: 1, shuffle: false, drop_last: false, num_workers: 0, .. }"
        );
    }

    #[test]
    fn iterables() {
        let known = from_loader([1, 2, 3]);
        assert_eq!(
            (Loader::len(&known), read(&known, 0, 0, 0), read(&known, 0, 1, 2)),
            (Some(3), vec![1, 2, 3], vec![3])
        );
        let unknown = from_loader((0..10).filter(|i| i % 2 == 0));
        assert_eq!((Loader::len(&unknown), read(&unknown, 0, 0, 3)), (None, vec![6, 8]));
    }
}
