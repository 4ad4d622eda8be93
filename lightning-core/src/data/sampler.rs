//! Samplers: which items an epoch has, and in which order.

use std::fmt;

use crate::{
    error::{Error, Result},
    random::{Rng, Stream},
};

/// The epoch that a sampler is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleContext {
    pub(super) items: usize,
    pub(super) seed: u64,
    pub(super) epoch: u64,
}

impl SampleContext {
    /// How many items the dataset has.
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

/// Says which items an epoch has, and in which order: a pure function of seed and epoch, so that a resumed run goes on with the same items.
///
/// ```
/// use lightning_core::{
///     Result,
///     data::{DataLoader, Position, SampleContext, Sampler},
/// };
///
/// /// Every second item, starting at another one in every epoch.
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
/// let loader = DataLoader::builder(vec!['a', 'b', 'c', 'd']).sampler(EverySecond).batch_size(2).collate(Ok).build()?;
/// let epoch = |epoch| loader.resume(Position { epoch, ..Position::default() })?.collect::<Result<Vec<Vec<char>>>>();
/// assert_eq!((epoch(0)?, epoch(1)?), (vec![vec!['a', 'c']], vec![vec!['b', 'd']]));
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub trait Sampler: Send + Sync + 'static {
    /// How many indices an epoch has, for a dataset of so many items; as many as items when not written.
    fn len(&self, items: usize) -> usize {
        items
    }

    /// The indices of the epoch, each below `cx.items()`, as many as [`len`](Self::len) says.
    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>>;

    /// Whether the sampler fits a dataset of so many items: asked once, when the loader is built.
    ///
    /// # Errors
    /// What does not fit.
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

/// Every item, in the order of the dataset: what a loader does without `shuffle`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SequentialSampler;

impl Sampler for SequentialSampler {
    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>> {
        Ok((0..cx.items).collect())
    }
}

/// Items at random: every item once, as with `shuffle(true)`, or drawn with replacement, or only some of them.
///
/// ```
/// use lightning_core::data::{DataLoader, RandomSampler};
///
/// let sampler = RandomSampler::new().replacement(true).num_samples(100);
/// let loader = DataLoader::builder(vec![1, 2, 3]).sampler(sampler).batch_size(10).collate(Ok).build()?;
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
    /// Every item once, in another random order in each epoch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether an item may be drawn more than once; not when not set.
    #[must_use]
    pub fn replacement(self, replacement: bool) -> Self {
        Self { replacement, ..self }
    }

    /// How many items an epoch has; as many as the dataset when not set. Without replacement at most as many.
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
        return Err(Error::data("the sampler draws no item: `num_samples` is 0"));
    }
    if !replacement && samples > items {
        return Err(Error::data(format!("the sampler draws {samples} items of {items} without replacement")));
    }
    Ok(())
}

/// Items at random, each as likely as its weight says: for classes of unequal size.
///
/// ```
/// use lightning_core::data::{DataLoader, WeightedRandomSampler};
///
/// let labels = vec!["cat", "cat", "cat", "dog"];
/// let weights = labels.iter().map(|label| if *label == "dog" { 3.0 } else { 1.0 });
/// let sampler = WeightedRandomSampler::new(weights, 4)?;
/// let loader = DataLoader::builder(labels).sampler(sampler).batch_size(4).collate(Ok).build()?;
/// # let _: lightning_core::DataLoader<Vec<&str>> = loader;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone)]
pub struct WeightedRandomSampler {
    weights: Vec<f64>,
    /// Sums of the weights up to each item, included.
    sums: Vec<f64>,
    num_samples: usize,
    replacement: bool,
}

impl WeightedRandomSampler {
    /// `num_samples` items an epoch, with replacement; one weight for each item. Weights need not add up to 1.
    ///
    /// # Errors
    /// When a weight is negative or not finite, or all are 0.
    pub fn new(weights: impl IntoIterator<Item = f64>, num_samples: usize) -> Result<Self> {
        let weights: Vec<f64> = weights.into_iter().collect();
        if let Some(index) = weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
            let weight = weights.get(index).copied().unwrap_or_default();
            return Err(Error::data(format!("the weight of item {index} is {weight}, expected 0 or more")));
        }
        let sums: Vec<f64> = weights
            .iter()
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        if sums.last().is_none_or(|sum| *sum <= 0.0) {
            return Err(Error::data("the weights of the sampler are all 0").help("give at least one item a weight"));
        }
        Ok(Self { weights, sums, num_samples, replacement: true })
    }

    /// Whether an item may be drawn more than once; so when not set. Without replacement the items come in the order in which they are
    /// drawn, heavy ones mostly first.
    #[must_use]
    pub fn replacement(self, replacement: bool) -> Self {
        Self { replacement, ..self }
    }

    fn draw(&self, rng: &mut Rng) -> usize {
        let total = self.sums.last().copied().unwrap_or_default();
        let point = rng.uniform() * total;
        // The first sum above the point: an item without weight has the sum of its predecessor and is never it.
        let index = self.sums.partition_point(|sum| *sum <= point);
        // Rounding may put the point at the total.
        if index < self.sums.len() { index } else { self.weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0) }
    }

    /// Pavlos Efraimidis and Paul Spirakis, "Weighted random sampling with a reservoir", 2006: the items with the largest `u^(1/w)`, compared
    /// by their logarithms.
    fn draw_all(&self, rng: &mut Rng) -> Vec<usize> {
        let mut keys: Vec<(f64, usize)> = self
            .weights
            .iter()
            .enumerate()
            // 1 - u lies in (0, 1], where the logarithm is finite.
            .map(|(index, weight)| ((1.0 - rng.uniform()).ln() / weight, index))
            .filter(|(_, index)| self.weights.get(*index).is_some_and(|weight| *weight > 0.0))
            .collect();
        keys.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        keys.into_iter().map(|(_, index)| index).take(self.num_samples).collect()
    }
}

impl Sampler for WeightedRandomSampler {
    fn len(&self, _items: usize) -> usize {
        self.num_samples
    }

    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>> {
        let mut rng = cx.rng();
        if self.replacement {
            return Ok((0..self.num_samples).map(|_| self.draw(&mut rng)).collect());
        }
        Ok(self.draw_all(&mut rng))
    }

    fn check(&self, items: usize) -> Result<()> {
        if self.weights.len() != items {
            let error =
                Error::data(format!("the sampler has {} weights, the dataset {items} items", self.weights.len()));
            return Err(error.help("give one weight for each item"));
        }
        let drawable = self.weights.iter().filter(|weight| **weight > 0.0).count();
        check_samples(self.num_samples, drawable, self.replacement)
    }
}

impl fmt::Debug for WeightedRandomSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightedRandomSampler")
            .field("weights", &self.weights.len())
            .field("num_samples", &self.num_samples)
            .field("replacement", &self.replacement)
            .finish_non_exhaustive()
    }
}

/// Some of the items, each once, in another random order in each epoch. (For a fixed order take a [`Subset`](super::Subset).)
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
            return Err(Error::data("the sampler has no indices"));
        }
        check_range(&self.indices, items)
    }
}

/// # Errors
/// The first index that a dataset of so many items does not have.
pub(super) fn check_range(indices: &[usize], items: usize) -> Result<()> {
    match indices.iter().position(|index| *index >= items) {
        None => Ok(()),
        Some(place) => {
            let index = indices.get(place).copied().unwrap_or_default();
            Err(Error::data(format!(
                "the sampler gives item {index} at place {place}, and the dataset has {items}, counted from 0"
            )))
        }
    }
}

/// One process's share of the items of another sampler: every `world_size`-th of its indices, from `rank` on.
///
/// All shares have one length. Where the items cannot be divided so, the first indices are given out once more at the end, or with
/// [`drop_last`](Self::drop_last) the last ones to nobody.
///
/// ```
/// use lightning_core::data::{DataLoader, DistributedSampler};
///
/// let share = |rank| {
///     let sampler = DistributedSampler::new(rank, 2);
///     DataLoader::builder(vec![0, 1, 2, 3, 4]).sampler(sampler).batch_size(3).collate(Ok).build()
/// };
/// let (first, second): (lightning_core::DataLoader<Vec<i32>>, _) = (share(0)?, share(1)?);
/// assert_eq!((first.len(), second.len()), (Some(1), Some(1)));
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct DistributedSampler {
    rank: usize,
    world_size: usize,
    drop_last: bool,
    inner: Box<dyn Sampler>,
}

impl DistributedSampler {
    /// The share of process `rank` of `world_size`, of all items in another random order in each epoch.
    pub fn new(rank: usize, world_size: usize) -> Self {
        Self { rank, world_size, drop_last: false, inner: Box::new(RandomSampler::new()) }
    }

    /// Whether the items are shuffled before they are shared out; so when not set.
    #[must_use]
    pub fn shuffle(self, shuffle: bool) -> Self {
        if shuffle { self.sampler(RandomSampler::new()) } else { self.sampler(SequentialSampler) }
    }

    /// Shares out the indices of `sampler`, which gives the same in every process since seed and epoch are the same.
    #[must_use]
    pub fn sampler(self, sampler: impl Sampler) -> Self {
        Self { inner: Box::new(sampler), ..self }
    }

    /// Whether indices that cannot be shared out evenly are left out, instead of filled up with the first ones; not when not set.
    #[must_use]
    pub fn drop_last(self, drop_last: bool) -> Self {
        Self { drop_last, ..self }
    }
}

impl Sampler for DistributedSampler {
    fn len(&self, items: usize) -> usize {
        let (all, world_size) = (self.inner.len(items), self.world_size.max(1));
        if self.drop_last { all / world_size } else { all.div_ceil(world_size) }
    }

    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>> {
        let share = self.len(cx.items);
        let indices = self.inner.indices(cx)?;
        Ok(indices.iter().copied().cycle().skip(self.rank).step_by(self.world_size.max(1)).take(share).collect())
    }

    fn check(&self, items: usize) -> Result<()> {
        if self.rank >= self.world_size {
            return Err(Error::data(format!(
                "the sampler is of process {} of {}, counted from 0",
                self.rank, self.world_size
            )));
        }
        if items > 0 && self.len(items) == 0 {
            return Err(Error::data(format!(
                "`drop_last` leaves no item: {items} items among {} processes",
                self.world_size
            )));
        }
        self.inner.check(items)
    }
}

impl fmt::Debug for DistributedSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rank, world_size, drop_last, inner: _ } = self;
        f.debug_struct("DistributedSampler")
            .field("rank", rank)
            .field("world_size", world_size)
            .field("drop_last", drop_last)
            .finish_non_exhaustive()
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
    fn weights_are_frequencies() {
        let sampler = WeightedRandomSampler::new([0.0, 1.0, 3.0, 0.0], 40_000).unwrap();
        let mut counts = [0_u32; 4];
        for index in sampler.indices(&cx(4, 0)).unwrap() {
            counts[index] += 1;
        }
        assert_eq!((counts[0], counts[3]), (0, 0));
        // Mean 10000, standard deviation 87.
        assert!((9_550..10_450).contains(&counts[1]), "{counts:?}");
    }

    #[test]
    fn weights_without_replacement() {
        let sampler = WeightedRandomSampler::new([5.0, 1.0, 0.0, 1.0], 3).unwrap().replacement(false);
        sampler.check(4).unwrap();
        let mut first = [0_u32; 4];
        for epoch in 0..7_000 {
            let indices = sampler.indices(&cx(4, epoch)).unwrap();
            assert_eq!(sorted(indices.clone()), [0, 1, 3]);
            first[indices[0]] += 1;
        }
        // The first is drawn by weight: mean 5000, standard deviation 38.
        assert!((4_800..5_200).contains(&first[0]), "{first:?}");
        let too_many = WeightedRandomSampler::new([5.0, 1.0, 0.0, 1.0], 4).unwrap().replacement(false);
        assert_eq!(message(too_many.check(4)), "the sampler draws 4 items of 3 without replacement");
    }

    #[test]
    fn weights_that_cannot_be() {
        let message =
            |weights: &[f64]| WeightedRandomSampler::new(weights.iter().copied(), 1).unwrap_err().message().to_owned();
        assert_eq!(message(&[1.0, -1.0]), "the weight of item 1 is -1, expected 0 or more");
        assert_eq!(message(&[f64::NAN]), "the weight of item 0 is NaN, expected 0 or more");
        assert_eq!(message(&[0.0, 0.0]), "the weights of the sampler are all 0");
        assert_eq!(message(&[]), "the weights of the sampler are all 0");
        let sampler = WeightedRandomSampler::new([1.0, 2.0], 1).unwrap();
        assert_eq!(sampler.check(3).unwrap_err().message(), "the sampler has 2 weights, the dataset 3 items");
    }

    #[test]
    fn some_items_in_random_order() {
        let sampler = SubsetRandomSampler::new([9, 3, 5]);
        assert_eq!(sorted(sampler.indices(&cx(10, 0)).unwrap()), [3, 5, 9]);
        assert_eq!(
            message(sampler.check(9)),
            "the sampler gives item 9 at place 0, and the dataset has 9, counted from 0"
        );
        assert_eq!(message(SubsetRandomSampler::new([]).check(9)), "the sampler has no indices");
    }

    /// The shares of torch's `DistributedSampler` over 10 items without shuffling, for 4 processes.
    #[test]
    fn shares_of_processes() {
        let share = |rank, drop_last| {
            let sampler = DistributedSampler::new(rank, 4).shuffle(false).drop_last(drop_last);
            sampler.check(10).unwrap();
            sampler.indices(&cx(10, 0)).unwrap()
        };
        assert_eq!([0, 1, 2, 3].map(|rank| share(rank, false)), [[0, 4, 8], [1, 5, 9], [2, 6, 0], [3, 7, 1]]);
        assert_eq!([0, 1, 2, 3].map(|rank| share(rank, true)), [[0, 4], [1, 5], [2, 6], [3, 7]]);
        let shuffled = |rank| DistributedSampler::new(rank, 2).indices(&cx(10, 1)).unwrap();
        assert_eq!(sorted([shuffled(0), shuffled(1)].concat()), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn processes_that_cannot_be() {
        assert_eq!(
            message(DistributedSampler::new(2, 2).check(10)),
            "the sampler is of process 2 of 2, counted from 0"
        );
        assert_eq!(
            message(DistributedSampler::new(0, 0).check(10)),
            "the sampler is of process 0 of 0, counted from 0"
        );
        let dropping = DistributedSampler::new(0, 4).drop_last(true);
        assert_eq!(message(dropping.check(3)), "`drop_last` leaves no item: 3 items among 4 processes");
    }
}
