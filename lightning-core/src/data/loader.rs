//! Loaders: batches in an order that is a pure function of seed and epoch, from any position.

use std::{fmt, marker::PhantomData, ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    batch::Batch,
    data::Dataset,
    error::{Error, Location, Result},
    random::{Rng, Stream},
};

/// Where reading starts: a plain value that a checkpoint stores and a resumed run hands back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
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
    fn batches(&self, from: Position) -> Result<Batches<B>>;
}

/// Reads the items of a dataset by index and collates them into batches.
///
/// ```
/// use lightning_core::data::{DataLoader, Loader, Position};
///
/// let loader = DataLoader::builder(vec![1.0, 2.0, 3.0, 4.0, 5.0])
///     .batch_size(2)
///     .shuffle(true)
///     .collate(|items: Vec<f64>| Ok(items.iter().sum::<f64>()))
///     .build()?;
/// assert_eq!(loader.len(), 3);
///
/// let epoch = |epoch| loader.batches(Position { seed: 42, epoch, batch: 0 })?.collect::<Result<Vec<f64>, _>>();
/// assert_eq!(epoch(0)?, epoch(0)?);
/// assert_eq!(epoch(0)?.iter().sum::<f64>(), 15.0);
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct DataLoader<B> {
    source: Arc<dyn Source<B>>,
    layout: Layout,
}

impl<B> DataLoader<B> {
    /// Starts a loader of `dataset`; `B` follows from what `collate` returns.
    pub fn builder<D: Dataset + 'static>(dataset: D) -> DataLoaderBuilder<D, B> {
        DataLoaderBuilder {
            dataset,
            batch_size: 1,
            shuffle: false,
            drop_last: false,
            collate: NoCollate,
            batch: PhantomData,
        }
    }

    /// How many batches an epoch has; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a loader without a batch cannot be built")]
    pub fn len(&self) -> usize {
        self.layout.batches()
    }

    /// How many items a full batch has. A batch of [`from_batches`](Self::from_batches) that carries no size counts as one item.
    pub fn batch_size(&self) -> usize {
        self.source.batch_size(&self.layout)
    }
}

impl<B: Batch + Clone + Sync> DataLoader<B> {
    /// A loader of ready batches, given in this order in every epoch.
    pub fn from_batches(batches: Vec<B>) -> Result<Self> {
        let layout = Layout { items: batches.len(), batch_size: 1, shuffle: false, drop_last: false };
        layout.check()?;
        Ok(Self { source: Arc::new(Ready(batches)), layout })
    }
}

impl<B: 'static> Loader<B> for DataLoader<B> {
    fn len(&self) -> Option<usize> {
        Some(self.layout.batches())
    }

    fn batches(&self, from: Position) -> Result<Batches<B>> {
        let end = self.layout.batches();
        let next = usize::try_from(from.batch).map_or(end, |batch| batch.min(end));
        // The position may be the end of an epoch, where no order is needed any more.
        let order = if next < end { self.layout.order(from) } else { Order::Sequential };
        Ok(Box::new(Reader { source: Arc::clone(&self.source), layout: self.layout, order, next, end }))
    }
}

/// Cheap: the dataset is shared.
impl<B> Clone for DataLoader<B> {
    fn clone(&self) -> Self {
        Self { source: Arc::clone(&self.source), layout: self.layout }
    }
}

impl<B> fmt::Debug for DataLoader<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Layout { items, batch_size: _, shuffle, drop_last } = self.layout;
        f.debug_struct("DataLoader")
            .field("items", &items)
            .field("batches", &self.len())
            .field("batch_size", &self.batch_size())
            .field("shuffle", &shuffle)
            .field("drop_last", &drop_last)
            .finish_non_exhaustive()
    }
}

/// The settings of a [`DataLoader`] in the making.
pub struct DataLoaderBuilder<D, B, C = NoCollate> {
    dataset: D,
    batch_size: usize,
    shuffle: bool,
    drop_last: bool,
    collate: C,
    batch: PhantomData<fn() -> B>,
}

impl<D: Dataset + 'static, B, C> DataLoaderBuilder<D, B, C> {
    /// How many items make a batch; 1 when not set.
    #[must_use]
    pub fn batch_size(self, batch_size: usize) -> Self {
        Self { batch_size, ..self }
    }

    /// Whether the items come in another random order in each epoch; not when not set.
    #[must_use]
    pub fn shuffle(self, shuffle: bool) -> Self {
        Self { shuffle, ..self }
    }

    /// Whether a last batch with fewer items is left out; not when not set.
    #[must_use]
    pub fn drop_last(self, drop_last: bool) -> Self {
        Self { drop_last, ..self }
    }

    /// How the items of a batch become the batch.
    #[must_use]
    pub fn collate<F>(self, collate: F) -> DataLoaderBuilder<D, B, F>
    where
        F: Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static,
    {
        let Self { dataset, batch_size, shuffle, drop_last, collate: _, batch } = self;
        DataLoaderBuilder { dataset, batch_size, shuffle, drop_last, collate, batch }
    }

    /// Checks every setting; the error tells all that is wrong at once.
    pub fn build(self) -> Result<DataLoader<B>>
    where
        B: 'static,
        C: Collate<D::Item, B>,
    {
        let Self { dataset, batch_size, shuffle, drop_last, collate, batch: PhantomData } = self;
        let layout = Layout { items: dataset.len(), batch_size, shuffle, drop_last };
        layout.check()?;
        Ok(DataLoader { source: Arc::new(Collated { dataset, collate, batch: PhantomData }), layout })
    }
}

impl<D: Dataset, B, C> fmt::Debug for DataLoaderBuilder<D, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataLoaderBuilder")
            .field("items", &self.dataset.len())
            .field("batch_size", &self.batch_size)
            .field("shuffle", &self.shuffle)
            .field("drop_last", &self.drop_last)
            .finish_non_exhaustive()
    }
}

/// A function that makes a batch `B` of items; implemented for every `Fn(Vec<Item>) -> Result<B>`.
#[diagnostic::on_unimplemented(
    message = "this loader has no way to make a `{B}` of its items",
    label = "`collate` is missing",
    note = "write `.collate(|items: Vec<{Item}>| …)` before `.build()`; ready batches go into `DataLoader::from_batches`"
)]
pub trait Collate<Item, B>: Send + Sync + 'static {
    /// Makes the batch.
    fn collate(&self, items: Vec<Item>) -> Result<B>;
}

impl<Item, B, F: Fn(Vec<Item>) -> Result<B> + Send + Sync + 'static> Collate<Item, B> for F {
    fn collate(&self, items: Vec<Item>) -> Result<B> {
        self(items)
    }
}

/// Stands in a [`DataLoaderBuilder`] until `collate` is given.
#[derive(Clone, Copy, Debug)]
pub struct NoCollate;

/// How the items of an epoch fall into batches.
#[derive(Clone, Copy)]
struct Layout {
    items: usize,
    batch_size: usize,
    shuffle: bool,
    drop_last: bool,
}

impl Layout {
    fn check(&self) -> Result<()> {
        let Self { items, batch_size, shuffle: _, drop_last } = *self;
        let mut problems = Vec::new();
        if items == 0 {
            problems.push("the dataset is empty".to_owned());
        }
        if batch_size == 0 {
            problems.push("`batch_size` is 0".to_owned());
        }
        if drop_last && 0 < items && items < batch_size {
            problems.push(format!(
                "`drop_last` leaves no batch: the dataset has {items} items, `batch_size` is {batch_size}"
            ));
        }
        if problems.is_empty() {
            return Ok(());
        }
        let help = "give the loader at least one item and `batch_size` at least 1 and, with `drop_last`, at most the number of items";
        Err(Error::data(problems.join("; ")).help(help))
    }

    fn batches(&self) -> usize {
        if self.drop_last { self.items / self.batch_size } else { self.items.div_ceil(self.batch_size) }
    }

    fn range(&self, batch: usize) -> Range<usize> {
        let start = batch * self.batch_size;
        start..start.saturating_add(self.batch_size).min(self.items)
    }

    fn order(&self, Position { seed, epoch, batch: _ }: Position) -> Order {
        if self.shuffle {
            Order::Shuffled(Rng::derived(seed, Stream::Shuffle, epoch, 0).permutation(self.items))
        } else {
            Order::Sequential
        }
    }
}

/// Which item stands at a place of the epoch.
enum Order {
    Sequential,
    Shuffled(Vec<usize>),
}

/// What a loader reads from, with the types of dataset, item and collate function erased: one virtual call a batch.
trait Source<B>: Send + Sync {
    fn load(&self, batch: usize, places: Range<usize>, order: &Order) -> Result<B>;

    fn batch_size(&self, layout: &Layout) -> usize;
}

struct Collated<D, B, C> {
    dataset: D,
    collate: C,
    batch: PhantomData<fn() -> B>,
}

impl<D: Dataset, B, C: Collate<D::Item, B>> Collated<D, B, C> {
    fn items(&self, batch: usize, indices: impl ExactSizeIterator<Item = usize>) -> Result<Vec<D::Item>> {
        // Not `collect::<Result<_>>`, which forgets how many there will be.
        let mut items = Vec::with_capacity(indices.len());
        for index in indices {
            let item = self.dataset.get(index).map_err(|error| {
                Error::data(format!("item {index} of the dataset could not be read"))
                    .caused_by(error)
                    .at(in_batch(batch))
            })?;
            items.push(item);
        }
        Ok(items)
    }
}

impl<D: Dataset, B, C: Collate<D::Item, B>> Source<B> for Collated<D, B, C> {
    fn load(&self, batch: usize, places: Range<usize>, order: &Order) -> Result<B> {
        let items = match order {
            Order::Sequential => self.items(batch, places)?,
            Order::Shuffled(order) => {
                self.items(batch, order.as_slice().get(places).unwrap_or_default().iter().copied())?
            }
        };
        let count = items.len();
        self.collate.collate(items).map_err(|error| {
            Error::data(format!("`collate` failed on batch {batch} with {count} items"))
                .caused_by(error)
                .at(in_batch(batch))
        })
    }

    fn batch_size(&self, layout: &Layout) -> usize {
        layout.batch_size
    }
}

struct Ready<B>(Vec<B>);

impl<B: Batch + Clone + Sync> Source<B> for Ready<B> {
    fn load(&self, batch: usize, _places: Range<usize>, _order: &Order) -> Result<B> {
        self.0.as_slice().get(batch).cloned().ok_or_else(|| Error::data(format!("there is no batch {batch}")))
    }

    fn batch_size(&self, _layout: &Layout) -> usize {
        self.0.first().and_then(B::batch_size).unwrap_or(1)
    }
}

fn in_batch(batch: usize) -> Location {
    Location { batch: Some(batch as u64), ..Location::default() }
}

/// The iterator of one epoch. After an error it goes on with the next batch.
struct Reader<B> {
    source: Arc<dyn Source<B>>,
    layout: Layout,
    order: Order,
    next: usize,
    end: usize,
}

impl<B> Iterator for Reader<B> {
    type Item = Result<B>;

    fn next(&mut self) -> Option<Result<B>> {
        if self.next == self.end {
            return None;
        }
        let batch = self.next;
        self.next += 1;
        Some(self.source.load(batch, self.layout.range(batch), &self.order))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        (left, Some(left))
    }
}

/// Ready batches, given in this order in every epoch.
impl<B: Clone + Send + 'static> Loader<B> for Vec<B> {
    fn len(&self) -> Option<usize> {
        Some(self.len())
    }

    fn batches(&self, from: Position) -> Result<Batches<B>> {
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

    fn batches(&self, from: Position) -> Result<Batches<B>> {
        (**self).batches(from)
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
/// use lightning_core::data::{Loader, Position, from_loader};
///
/// let loader = from_loader((0..4).map(|i| i * i));
/// assert_eq!(loader.len(), Some(4));
/// let rest = loader.batches(Position { batch: 2, ..Position::default() })?.collect::<Result<Vec<i32>, _>>()?;
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

    fn batches(&self, from: Position) -> Result<Batches<B>> {
        let skipped = usize::try_from(from.batch).unwrap_or(usize::MAX);
        Ok(Box::new(self.0.clone().into_iter().skip(skipped).map(Ok)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

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
        loader.batches(Position { seed, epoch, batch }).unwrap().collect::<Result<_>>().unwrap()
    }

    #[test]
    fn batches_in_order() {
        let all = loader(7, 3, false, false);
        assert_eq!(read(&all, 0, 0, 0), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        assert_eq!((all.len(), Loader::len(&all), all.batch_size()), (3, Some(3), 3));
        let full = loader(7, 3, false, true);
        assert_eq!(read(&full, 0, 9, 1), [vec![3, 4, 5]]);
        assert_eq!(full.len(), 2);
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
            let rest = loader.batches(Position { seed: 1, epoch: 1, batch: start as u64 }).unwrap();
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
        let batches: Vec<Result<Vec<usize>>> = loader.batches(Position::default()).unwrap().collect();
        let error = batches[2].as_ref().unwrap_err();
        assert_eq!(error.to_string(), "item 13 of the dataset could not be read: the disk is gone (batch 2)");
        assert!(batches[3].is_ok());
    }

    #[test]
    fn a_failing_collate_names_the_batch() {
        let items = vec![1, 2, 3];
        let loader: DataLoader<i32> =
            DataLoader::builder(items).batch_size(2).collate(|_| Err(Error::msg("ragged"))).build().unwrap();
        let error = loader.batches(Position { batch: 1, ..Position::default() }).unwrap().next().unwrap().unwrap_err();
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
        assert_eq!(build(3, 4, false), Ok(1));
        assert!(DataLoader::<usize>::from_batches(Vec::new()).is_err());
    }

    #[test]
    fn ready_batches() {
        let batches = vec![String::from("a"), String::from("b"), String::from("c")];
        let loader = DataLoader::from_batches(batches.clone()).unwrap();
        assert_eq!(read(&loader, 0, 0, 1), ["b", "c"]);
        assert_eq!((loader.len(), loader.batch_size()), (3, 1));
        assert_eq!(read(&batches, 5, 5, 2), ["c"]);
        assert!(read(&batches, 5, 5, 4).is_empty());
        let boxed: Box<dyn Loader<String>> = Box::new(batches);
        assert_eq!((Loader::len(&boxed), read(&boxed, 0, 0, 0).len()), (Some(3), 3));
        assert_eq!(
            format!("{loader:?}"),
            "DataLoader { items: 3, batches: 3, batch_size: 1, shuffle: false, drop_last: false, .. }"
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
