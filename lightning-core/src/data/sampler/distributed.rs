//! Items divided among processes.

use std::fmt;

use super::{RandomSampler, SampleContext, Sampler, SequentialSampler};
use crate::error::{Error, Result};

/// The share of one process in the items of another sampler: every `world_size`-th index, from
/// `rank` on.
///
/// All shares have the same length. If the items cannot be divided evenly, the first indices are
/// repeated at the end, or with [`drop_last`](Self::drop_last) the last ones are left out. The
/// shares are those of `torch.utils.data.DistributedSampler`.
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
    /// The share of process `rank` of `world_size`. All items are divided, in a new random order in
    /// each epoch.
    pub fn new(rank: usize, world_size: usize) -> Self {
        Self { rank, world_size, drop_last: false, inner: Box::new(RandomSampler::new()) }
    }

    /// Sets whether the items are shuffled before they are divided. Default: `true`.
    #[must_use]
    pub fn shuffle(self, shuffle: bool) -> Self {
        if shuffle { self.sampler(RandomSampler::new()) } else { self.sampler(SequentialSampler) }
    }

    /// Divides the indices of `sampler`. They are the same in every process, because seed and epoch
    /// are.
    #[must_use]
    pub fn sampler(self, sampler: impl Sampler) -> Self {
        Self { inner: Box::new(sampler), ..self }
    }

    /// Sets whether indices beyond an even division are left out, in place of repeating the first
    /// ones. Default: `false`.
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
                "`rank` must be below `world_size`, found rank {} of {}",
                self.rank, self.world_size
            ))
            .help("ranks count from 0"));
        }
        if items > 0 && self.len(items) == 0 {
            return Err(Error::data(format!(
                "`drop_last` leaves no item: {items} items among {} processes",
                self.world_size
            ))
            .help("remove `drop_last`"));
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

    /// The values of `list(torch.utils.data.DistributedSampler(range(10), num_replicas=4,
    /// rank=rank, shuffle=False, drop_last=drop_last))`.
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
            "`rank` must be below `world_size`, found rank 2 of 2"
        );
        assert_eq!(
            message(DistributedSampler::new(0, 0).check(10)),
            "`rank` must be below `world_size`, found rank 0 of 0"
        );
        let dropping = DistributedSampler::new(0, 4).drop_last(true);
        assert_eq!(message(dropping.check(3)), "`drop_last` leaves no item: 3 items among 4 processes");
    }
}
