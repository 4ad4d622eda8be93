//! The share of one process in the batches of a loader.

/// The share of one process in the batches of a loader: every `world_size`-th batch, from the one
/// with number `rank` on. No batch is repeated or left out.
///
/// ```
/// use lightning_core::data::Share;
///
/// let share = Share { rank: 1, world_size: 3 };
/// assert_eq!((0..2).map(|round| share.batch(round)).collect::<Vec<_>>(), [1, 4]);
/// // Of 5 batches, ranks 0 and 1 have two, and rank 2 has one: 2 rounds.
/// assert_eq!((share.batches(5), share.rounds(5)), (2, 2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The number of the process, from 0.
    pub rank: usize,
    /// The number of processes, at least 1.
    pub world_size: usize,
}

impl Share {
    /// The share of a process that trains alone: all batches.
    pub const WHOLE: Self = Self { rank: 0, world_size: 1 };

    /// Whether it is all batches.
    pub fn is_whole(self) -> bool {
        self.world_size <= 1
    }

    /// Returns the number of the batch of this process in a round, counted from 0.
    pub fn batch(self, round: u64) -> u64 {
        round.saturating_mul(self.world_size as u64).saturating_add(self.rank as u64)
    }

    /// Returns how many of `all` batches this process has.
    pub fn batches(self, all: u64) -> u64 {
        all.saturating_sub(self.rank as u64).div_ceil(self.world_size.max(1) as u64)
    }

    /// Returns the number of rounds in which some process has one of `all` batches.
    pub fn rounds(self, all: u64) -> u64 {
        all.div_ceil(self.world_size.max(1) as u64)
    }
}
