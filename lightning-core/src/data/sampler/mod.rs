//! Samplers: which items an epoch has, and in which order.

mod batch_sampler;
mod distributed;
mod weighted;

pub use batch_sampler::{BatchSampler, LengthBuckets};
pub use distributed::DistributedSampler;
pub use weighted::WeightedRandomSampler;

use crate::{
    error::{Error, Result},
    random::{Rng, Stream},
};

/// The epoch for which a sampler returns indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleContext {
    pub(in crate::data) items: usize,
    pub(in crate::data) seed: u64,
    pub(in crate::data) epoch: u64,
}

impl SampleContext {
    /// Items in the dataset.
    pub fn items(&self) -> usize {
        self.items
    }

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The epoch, from 0.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Random numbers that depend on seed and epoch alone.
    pub fn rng(&self) -> Rng {
        Rng::derived(self.seed, Stream::Sample, self.epoch, 0)
    }

    /// The order that `shuffle(true)` gives.
    fn shuffled(&self) -> Vec<usize> {
        Rng::derived(self.seed, Stream::Shuffle, self.epoch, 0).permutation(self.items)
    }
}

/// Decides which items an epoch has, and in which order.
///
/// The order must be a pure function of seed and epoch, so that a resumed run continues with the
/// same items.
///
/// ```
/// use lightning_core::{
///     Result,
///     data::{DataLoader, EpochOffset, SampleContext, Sampler},
/// };
///
/// /// Every second item, from item 0 in even epochs and from item 1 in odd ones.
/// struct EverySecond;
///
/// impl Sampler for EverySecond {
///     fn len(&self, items: usize) -> usize {
///         items / 2
///     }
///
///     fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>> {
///         let first = (cx.epoch() % 2) as usize;
///         Ok((first..cx.items()).step_by(2).take(self.len(cx.items())).collect())
///     }
/// }
///
/// let loader = DataLoader::builder(vec!['a', 'b', 'c', 'd'])
///     .sampler(EverySecond)
///     .batch_size(2)
///     .collate(Ok)
///     .build()?;
/// let at = |epoch| EpochOffset { epoch, ..EpochOffset::default() };
/// let epoch = |epoch| loader.resume(at(epoch))?.collect::<Result<Vec<Vec<char>>>>();
/// assert_eq!((epoch(0)?, epoch(1)?), (vec![vec!['a', 'c']], vec![vec!['b', 'd']]));
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub trait Sampler: Send + Sync + 'static {
    /// The number of indices in an epoch, for a dataset of `items` items. Default: `items`.
    fn len(&self, items: usize) -> usize {
        items
    }

    /// The indices of the epoch: [`len`](Self::len) of them, each below `cx.items()`.
    ///
    /// # Errors
    /// If the order cannot be made.
    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>>;

    /// Checks that the sampler fits a dataset of `items` items. Called once, when the loader is
    /// built.
    ///
    /// # Errors
    /// If it does not fit.
    fn check(&self, items: usize) -> Result<()> {
        let _ = items;
        Ok(())
    }
}

impl<S: Sampler + ?Sized> Sampler for Box<S> {
    fn len(&self, items: usize) -> usize {
        (**self).len(items)
    }

    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>> {
        (**self).indices(cx)
    }

    fn check(&self, items: usize) -> Result<()> {
        (**self).check(items)
    }
}

/// Every item in the order of the dataset, as without `shuffle`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SequentialSampler;

impl Sampler for SequentialSampler {
    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>> {
        Ok((0..cx.items).collect())
    }
}

/// Items in random order: each once, as with `shuffle(true)`, or drawn with replacement, or only
/// some of them.
///
/// ```
/// use lightning_core::data::{DataLoader, RandomSampler};
///
/// let sampler = RandomSampler::new().replacement(true).num_samples(100);
/// let loader =
///     DataLoader::builder(vec![1, 2, 3]).sampler(sampler).batch_size(10).collate(Ok).build()?;
/// assert_eq!(loader.len(), Some(10));
/// # let _: lightning_core::DataLoader<Vec<i32>> = loader;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomSampler {
    replacement: bool,
    num_samples: Option<usize>,
}

impl RandomSampler {
    /// Every item once, in a new random order in each epoch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether an item may be drawn more than once. Default: `false`.
    #[must_use]
    pub fn replacement(self, replacement: bool) -> Self {
        Self { replacement, ..self }
    }

    /// Sets the number of items in an epoch. Default: that of the dataset, which is the maximum
    /// without replacement.
    #[must_use]
    pub fn num_samples(self, num_samples: usize) -> Self {
        Self { num_samples: Some(num_samples), ..self }
    }
}

impl Sampler for RandomSampler {
    fn len(&self, items: usize) -> usize {
        self.num_samples.unwrap_or(items)
    }

    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>> {
        let len = self.len(cx.items);
        if self.replacement {
            let mut rng = cx.rng();
            return Ok((0..len).map(|_| rng.random_range(0..cx.items)).collect());
        }
        let mut order = cx.shuffled();
        order.truncate(len);
        Ok(order)
    }

    fn check(&self, items: usize) -> Result<()> {
        check_samples(self.len(items), items, self.replacement)
    }
}

fn check_samples(samples: usize, items: usize, replacement: bool) -> Result<()> {
    if samples == 0 && items > 0 {
        return Err(Error::data("`num_samples` must be at least 1, found 0").help("set `num_samples` to at least 1"));
    }
    if !replacement && samples > items {
        return Err(Error::data(format!("`num_samples` must be at most {items} without replacement, found {samples}"))
            .help(format!("set `num_samples` to at most {items}, or `replacement(true)`")));
    }
    Ok(())
}

/// Some of the items, each once, in a new random order in each epoch. For a fixed order, use a
/// [`Subset`](super::Subset).
///
/// ```
/// use lightning_core::data::{DataLoader, SubsetRandomSampler};
///
/// let sampler = SubsetRandomSampler::new([0, 2]);
/// let loader = DataLoader::builder(vec!['a', 'b', 'c']).sampler(sampler).collate(Ok).build()?;
/// assert_eq!(loader.len(), Some(2));
/// # let _: lightning_core::DataLoader<Vec<char>> = loader;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SubsetRandomSampler {
    indices: Vec<usize>,
}

impl SubsetRandomSampler {
    /// The items at `indices`.
    pub fn new(indices: impl IntoIterator<Item = usize>) -> Self {
        Self { indices: indices.into_iter().collect() }
    }
}

impl Sampler for SubsetRandomSampler {
    fn len(&self, _items: usize) -> usize {
        self.indices.len()
    }

    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>> {
        let mut indices = self.indices.clone();
        cx.rng().shuffle(&mut indices);
        Ok(indices)
    }

    fn check(&self, items: usize) -> Result<()> {
        if self.indices.is_empty() {
            return Err(
                Error::data("the sampler must have at least one index, found none").help("pass at least one index")
            );
        }
        check_range(&self.indices, items)
    }
}

/// # Errors
/// If an index is `items` or more.
pub(in crate::data) fn check_range(indices: &[usize], items: usize) -> Result<()> {
    match indices.iter().position(|index| *index >= items) {
        None => Ok(()),
        Some(place) => {
            let index = indices.get(place).copied().unwrap_or_default();
            Err(Error::data(format!("the sampler must return indices below {items}, found {index} at place {place}")))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn cx(items: usize, epoch: u64) -> SampleContext {
        SampleContext { items, seed: 42, epoch }
    }

    fn sorted(mut indices: Vec<usize>) -> Vec<usize> {
        indices.sort_unstable();
        indices
    }

    fn message(checked: Result<()>) -> String {
        checked.unwrap_err().message().to_owned()
    }

    #[test]
    fn every_item_once() {
        assert_eq!(SequentialSampler.indices(&cx(4, 7)).unwrap(), [0, 1, 2, 3]);
        let random = RandomSampler::new();
        let order = random.indices(&cx(50, 0)).unwrap();
        assert_eq!(order, Rng::derived(42, Stream::Shuffle, 0, 0).permutation(50));
        assert_eq!(sorted(order.clone()), (0..50).collect::<Vec<_>>());
        assert_ne!(order, random.indices(&cx(50, 1)).unwrap());
        let some = random.num_samples(5).indices(&cx(50, 0)).unwrap();
        assert_eq!(some, order[..5]);
    }

    #[test]
    fn with_replacement_items_repeat() {
        let random = RandomSampler::new().replacement(true).num_samples(10_000);
        let mut counts = [0_u32; 10];
        for index in random.indices(&cx(10, 3)).unwrap() {
            counts[index] += 1;
        }
        // Mean 1000, standard deviation 30.
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn some_items_in_random_order() {
        let sampler = SubsetRandomSampler::new([9, 3, 5]);
        assert_eq!(sorted(sampler.indices(&cx(10, 0)).unwrap()), [3, 5, 9]);
        assert_eq!(message(sampler.check(9)), "the sampler must return indices below 9, found 9 at place 0");
        assert_eq!(
            message(SubsetRandomSampler::new([]).check(9)),
            "the sampler must have at least one index, found none"
        );
    }
}
