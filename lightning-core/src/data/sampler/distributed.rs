//! Items shared out among processes.

use std::fmt;

use super::{RandomSampler, SampleContext, Sampler, SequentialSampler};
use crate::error::{Error, Result};

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

    /// As `list(torch.utils.data.DistributedSampler(range(10), num_replicas=4, rank=rank, shuffle=False, drop_last=drop_last))` gives them.
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
