//! Batch samplers: which items form a batch.

use std::{fmt, marker::PhantomData};

use super::SampleContext;
use crate::{
    data::Dataset,
    error::{Error, Result},
};

/// Decides which items form each batch of an epoch, in place of `batch_size`, `shuffle`, `sampler`
/// and `drop_last`.
///
/// The batches must be a pure function of seed and epoch, so that a resumed run continues with the
/// same ones.
///
/// ```
/// use lightning_core::{
///     Result,
///     data::{BatchSampler, DataLoader, EpochOffset, SampleContext},
/// };
///
/// /// Batches that grow: one item, two items, three items, …
/// struct Growing;
///
/// impl<Item: Send> BatchSampler<Item> for Growing {
///     fn len(&self, items: usize) -> usize {
///         (1..).take_while(|batches| batches * (batches + 1) / 2 <= items).count()
///     }
///
///     fn batches(&self, cx: &SampleContext) -> Result<Vec<Vec<usize>>> {
///         let mut items = 0..cx.items();
///         let batches = (1..).take(BatchSampler::<Item>::len(self, cx.items()));
///         Ok(batches.map(|size| items.by_ref().take(size).collect()).collect())
///     }
/// }
///
/// let items: Vec<i32> = (0..7).collect();
/// let loader = DataLoader::builder(items).batch_sampler(Growing).collate(Ok).build()?;
/// let batches = loader.resume(EpochOffset::default())?.collect::<Result<Vec<Vec<i32>>>>()?;
/// assert_eq!(batches, [vec![0], vec![1, 2], vec![3, 4, 5]]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub trait BatchSampler<Item: Send>: Send + Sync + 'static {
    /// Reads what it needs from the dataset. Called once, when the loader is built.
    ///
    /// # Errors
    /// If an item cannot be read, or if the settings do not fit the dataset.
    fn prepare(&mut self, dataset: &dyn Dataset<Item = Item>) -> Result<()> {
        let _ = dataset;
        Ok(())
    }

    /// The number of batches in an epoch, for a dataset of `items` items.
    fn len(&self, items: usize) -> usize;

    /// The number of items in a full batch, which the loader reports as its batch size. Default: 1,
    /// for batches of varying size.
    fn batch_size(&self) -> usize {
        1
    }

    /// The indices of each batch of the epoch: [`len`](Self::len) batches, none of them empty.
    ///
    /// # Errors
    /// If the batches cannot be made.
    fn batches(&self, cx: &SampleContext) -> Result<Vec<Vec<usize>>>;
}

/// Batches of items of similar length, which need little padding. They differ in each epoch and
/// come in random order.
///
/// The items of an epoch are shuffled and divided into pools of 100 batches. Each pool is sorted by
/// length and divided into batches, and the batches are shuffled. The lengths are those of the
/// items before `map`; all items are read once, when the loader is built.
///
/// ```
/// use lightning_core::data::{DataLoader, EpochOffset, LengthBuckets, Padded};
///
/// let sentences = vec![vec![5], vec![1, 2, 3], vec![7], vec![4, 4, 4]];
/// let loader = DataLoader::builder(sentences)
///     .batch_sampler(LengthBuckets::new(2, |words: &Vec<i32>| words.len()))
///     .build()?;
/// for batch in loader.resume(EpochOffset::default())? {
///     let batch: Padded = batch?;
///     let lengths = batch.lengths.into_data().try_to_vec::<i32>()?;
///     assert_eq!(lengths[0], lengths[1]);
/// }
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct LengthBuckets<Item> {
    batch_size: usize,
    length: Box<dyn Fn(&Item) -> usize + Send + Sync>,
    lengths: Vec<usize>,
    shuffle: bool,
    drop_last: bool,
    item: PhantomData<fn(Item)>,
}

/// Batches in a pool.
const POOL: usize = 100;

impl<Item> LengthBuckets<Item> {
    /// Batches of `batch_size` items, whose lengths are those that `length` returns.
    pub fn new(batch_size: usize, length: impl Fn(&Item) -> usize + Send + Sync + 'static) -> Self {
        Self {
            batch_size,
            length: Box::new(length),
            lengths: Vec::new(),
            shuffle: true,
            drop_last: false,
            item: PhantomData,
        }
    }

    /// Sets whether the batches differ in each epoch. Default: `true`. With `false` all items are
    /// sorted by length, which suits validation.
    #[must_use]
    pub fn shuffle(self, shuffle: bool) -> Self {
        Self { shuffle, ..self }
    }

    /// Sets whether a batch with fewer items is left out. Default: `false`.
    #[must_use]
    pub fn drop_last(self, drop_last: bool) -> Self {
        Self { drop_last, ..self }
    }

    fn cut(&self, sorted: &[usize]) -> Vec<Vec<usize>> {
        let full = |batch: &&[usize]| !self.drop_last || batch.len() == self.batch_size;
        sorted.chunks(self.batch_size.max(1)).filter(full).map(<[usize]>::to_vec).collect()
    }

    fn sort(&self, items: &mut [usize]) {
        // A stable sort keeps items of equal length in their random order.
        items.sort_by_key(|item| self.lengths.as_slice().get(*item).copied().unwrap_or_default());
    }
}

impl<Item: Send + 'static> BatchSampler<Item> for LengthBuckets<Item> {
    fn prepare(&mut self, dataset: &dyn Dataset<Item = Item>) -> Result<()> {
        if self.batch_size == 0 {
            return Err(Error::data("the batch size of `LengthBuckets` must be at least 1, found 0")
                .help("pass a batch size of at least 1"));
        }
        if self.drop_last && dataset.len() < self.batch_size {
            return Err(Error::data(format!(
                "`drop_last` leaves no batch: the dataset has {} items, `LengthBuckets` makes batches of {}",
                dataset.len(),
                self.batch_size
            ))
            .help("use a smaller batch size, or remove `drop_last`"));
        }
        let length = |index| {
            let item = dataset.get(index).map_err(|error| {
                Error::data(format!("the length of item {index} of the dataset cannot be read")).caused_by(error)
            })?;
            Ok((self.length)(&item))
        };
        self.lengths = (0..dataset.len()).map(length).collect::<Result<_>>()?;
        Ok(())
    }

    fn len(&self, items: usize) -> usize {
        let size = self.batch_size.max(1);
        if self.drop_last { items / size } else { items.div_ceil(size) }
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn batches(&self, cx: &SampleContext) -> Result<Vec<Vec<usize>>> {
        if !self.shuffle {
            let mut items: Vec<usize> = (0..cx.items()).collect();
            self.sort(&mut items);
            return Ok(self.cut(&items));
        }
        let mut rng = cx.rng();
        let mut items = rng.permutation(cx.items());
        // A pool is a whole number of batches, so that only the last batch of the epoch is short.
        for pool in items.chunks_mut(self.batch_size.saturating_mul(POOL).max(1)) {
            self.sort(pool);
        }
        let mut batches = self.cut(&items);
        rng.shuffle(&mut batches);
        Ok(batches)
    }
}

impl<Item> fmt::Debug for LengthBuckets<Item> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LengthBuckets")
            .field("batch_size", &self.batch_size)
            .field("shuffle", &self.shuffle)
            .field("drop_last", &self.drop_last)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Items that are their own lengths, from 0 to 9, many of each.
    fn prepared(items: usize, buckets: LengthBuckets<usize>) -> LengthBuckets<usize> {
        let mut buckets = buckets;
        buckets.prepare(&lengths(items)).unwrap();
        buckets
    }

    fn lengths(items: usize) -> Vec<usize> {
        (0..items).map(|item| item * 7 % 10).collect()
    }

    fn cx(items: usize, epoch: u64) -> SampleContext {
        SampleContext { items, seed: 1, epoch }
    }

    #[test]
    fn batches_have_items_of_one_length() {
        let buckets = prepared(1_000, LengthBuckets::new(20, |length| *length));
        let batches = buckets.batches(&cx(1_000, 0)).unwrap();
        assert_eq!((batches.len(), buckets.len(1_000)), (50, 50));
        let lengths = lengths(1_000);
        // One pool: with ten lengths at most nine batches hold two of them.
        let mixed = batches.iter().filter(|batch| batch.iter().any(|item| lengths[*item] != lengths[batch[0]])).count();
        assert!(mixed <= 9, "{mixed}");
        let mut all = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..1_000).collect::<Vec<_>>());
        assert_eq!(batches, buckets.batches(&cx(1_000, 0)).unwrap());
        assert_ne!(batches, buckets.batches(&cx(1_000, 1)).unwrap());
    }

    #[test]
    fn a_short_batch_is_kept_or_left_out() {
        let kept = prepared(25, LengthBuckets::new(10, |length| *length));
        assert_eq!((kept.len(25), kept.batches(&cx(25, 0)).unwrap().concat().len()), (3, 25));
        let dropped = prepared(25, LengthBuckets::new(10, |length| *length).drop_last(true));
        assert_eq!((dropped.len(25), dropped.batches(&cx(25, 0)).unwrap().concat().len()), (2, 20));
    }

    #[test]
    fn without_shuffling_the_items_are_sorted() {
        let sorted = prepared(20, LengthBuckets::new(6, |length| *length).shuffle(false));
        let batches = sorted.batches(&cx(20, 3)).unwrap();
        assert_eq!(batches, sorted.batches(&cx(20, 4)).unwrap());
        let lengths = lengths(20);
        assert!(batches.concat().is_sorted_by_key(|item| lengths[*item]));
    }

    #[test]
    fn sizes_that_make_no_batch() {
        let message =
            |mut buckets: LengthBuckets<usize>| buckets.prepare(&vec![1_usize, 2]).unwrap_err().message().to_owned();
        assert_eq!(
            message(LengthBuckets::new(0, |length| *length)),
            "the batch size of `LengthBuckets` must be at least 1, found 0"
        );
        assert_eq!(
            message(LengthBuckets::new(3, |length| *length).drop_last(true)),
            "`drop_last` leaves no batch: the dataset has 2 items, `LengthBuckets` makes batches of 3"
        );
    }
}
