//! Several loaders read as one.

mod member;
mod parallel;
mod sequence;
mod track;

pub use self::{parallel::Combine, sequence::CombineSequential};
use self::{sequence::Chained, track::Mode};
use super::{DataLoader, Summary};

/// Reads two to four loaders as one, in the four modes of PyTorch Lightning's `CombinedLoader`.
///
/// | of loaders with 3 and 4 batches | batches | a batch is |
/// |---|---|---|
/// | [`min_size`](Self::min_size) | 3 | `(A, B)` |
/// | [`max_size_cycle`](Self::max_size_cycle) | 4 | `(A, B)`, the shorter loader read again |
/// | [`max_size`](Self::max_size) | 4 | `(Option<A>, Option<B>)` |
/// | [`sequential`](Self::sequential) | 7 | `A`, which is `B` |
///
/// The result is a [`DataLoader`]. The loaders have different random numbers: two shuffled loaders
/// of equal length are read in different orders.
///
/// ```
/// use lightning_core::data::{Combined, EpochOffset, from_loader};
///
/// let both = Combined::max_size_cycle((from_loader([1, 2, 3, 4]), from_loader(["a", "b", "c"])));
/// let batches = both.resume(EpochOffset::default())?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(batches, [(1, "a"), (2, "b"), (3, "c"), (4, "a")]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Combined;

impl Combined {
    /// Combines one batch of each loader, until the shortest ends.
    pub fn min_size<B: Send + 'static>(loaders: impl Combine<B>) -> DataLoader<B> {
        loaders.together(Mode::Min)
    }

    /// Combines one batch of each loader, until the longest ends. Shorter ones start again, in a
    /// new order if they shuffle.
    ///
    /// If a loader does not know its length, resuming reads it from the start.
    pub fn max_size_cycle<B: Send + 'static>(loaders: impl Combine<B>) -> DataLoader<B> {
        loaders.together(Mode::MaxCycle)
    }

    /// Combines one batch of each loader, until the longest ends. A loader that has ended
    /// contributes `None`.
    pub fn max_size<B: Send + 'static, L: Combine<B>>(loaders: L) -> DataLoader<L::Filled> {
        loaders.filled()
    }

    /// Reads all batches of the first loader, then all of the second, and so on. The batches have
    /// the same type; put different types into an enum with `#[derive(Batch)]`.
    ///
    /// If a loader does not know its length, resuming at a later position reads all of it.
    pub fn sequential<B: Send + 'static>(loaders: impl CombineSequential<B>) -> DataLoader<B> {
        DataLoader::new(Chained(loaders.members()), Summary::default())
    }
}

#[cfg(test)]
mod tests;
