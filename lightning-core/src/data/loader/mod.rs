//! Loaders: batches in an order that is a pure function of seed and epoch, from any position.

mod batch_plan;
mod builder;
mod collate;
mod collate_fn;
mod combined;
mod data_loader;
mod errors;
mod from_loader;
mod indexed;
mod iterable;
mod padded;
mod share;
#[cfg(test)]
mod tests;
mod transform;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use self::data_loader::Summary;
pub use self::{
    builder::DataLoaderBuilder,
    collate::{FromItems, host},
    collate_fn::{Collate, NoCollate},
    combined::{Combine, CombineSequential, Combined},
    data_loader::DataLoader,
    from_loader::{FromLoader, from_loader},
    iterable::IterableBuilder,
    padded::{Padded, SequenceElement},
    share::Share,
    transform::{Fallible, Infallible, ItemMap, NoMap, Then, Transform},
};
use crate::error::Result;

/// Where reading starts: a position that a checkpoint stores and a resumed run passes back.
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
/// Most programs use [`DataLoader`]. A `Vec<B>` of ready batches is a loader too, and
/// [`from_loader`] makes one of any iterable.
///
/// A loader of your own needs two methods. It goes first in `(train, val)` as it is, and anywhere
/// else wrapped by [`DataLoader::from_loader`]:
///
/// ```
/// use lightning_core::{
///     DataLoader, Result,
///     data::{Batches, EpochOffset, Loader},
/// };
///
/// /// Counts up to a limit.
/// struct Countup(u64);
///
/// impl Loader<u64> for Countup {
///     fn len(&self) -> Option<usize> {
///         usize::try_from(self.0).ok()
///     }
///
///     fn batches(&self, from: EpochOffset) -> Result<Batches<u64>> {
///         Ok(Box::new((from.batch..self.0).map(Ok)))
///     }
/// }
///
/// let rest = Countup(5).batches(EpochOffset { batch: 3, ..EpochOffset::default() })?;
/// assert_eq!(rest.collect::<Result<Vec<_>>>()?, [3, 4]);
/// let loader = DataLoader::from_loader(Countup(5));
/// assert_eq!(loader.len(), Some(5));
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "the loader must have batches of type `{B}`",
    label = "found `{Self}`",
    note = "pass a `DataLoader<{B}>`, a `Vec<{B}>`, or `from_loader(…)` of an iterable of `{B}`",
    note = "C7 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
#[expect(clippy::len_without_is_empty, reason = "of an optional length, an empty loader is `len() == Some(0)`")]
pub trait Loader<B>: Send + 'static {
    /// Batches in an epoch; `None` if unknown.
    fn len(&self) -> Option<usize>;

    /// The batches from `from` to the end of its epoch.
    ///
    /// Their order depends on `from.seed` and `from.epoch` alone, so that a run resumed at any
    /// batch reads the same batches. Batches before `from.batch` are not read.
    ///
    /// # Errors
    /// If the epoch cannot be opened. A batch that cannot be made is an error in its place of the
    /// iterator.
    fn batches(&self, from: EpochOffset) -> Result<Batches<B>>;

    /// As [`batches`](Self::batches), for a training loop on `device`: a loader may stage its
    /// batches in pinned memory.
    ///
    /// # Errors
    /// As [`batches`](Self::batches).
    fn batches_for(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        let _ = device;
        self.batches(from)
    }

    /// As [`batches_for`](Self::batches_for), without shuffling. The trainer's `overfit_batches`
    /// reads training data this way. A sampler of your own keeps its order.
    ///
    /// # Errors
    /// As [`batches`](Self::batches).
    fn batches_in_order(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        self.batches_for(from, device)
    }

    /// The batches of one of several processes that train together; `from.batch` counts its own.
    /// `in_order`: as [`batches_in_order`](Self::batches_in_order).
    ///
    /// By default all batches are read, and those of the other processes are dropped. A loader that
    /// can skip a batch without reading it implements this.
    ///
    /// # Errors
    /// As [`batches`](Self::batches).
    fn batches_of_share(&self, from: EpochOffset, device: &Device, share: Share, in_order: bool) -> Result<Batches<B>>
    where
        B: 'static,
    {
        let first = EpochOffset { batch: share.batch(from.batch), ..from };
        let all = match in_order {
            true => self.batches_in_order(first, device)?,
            false => self.batches_for(first, device)?,
        };
        Ok(Box::new(all.step_by(share.world_size.max(1))))
    }

    /// The share that the loader has by itself: a stream that each process reads another part of.
    #[doc(hidden)]
    fn own_share(&self) -> Option<Share> {
        None
    }

    /// Whether epochs differ in the order of the items, which a validation does not need.
    #[doc(hidden)]
    fn shuffles(&self) -> bool {
        false
    }

    /// Whether batches are made of a dataset by the thread that trains.
    #[doc(hidden)]
    fn is_inline(&self) -> bool {
        false
    }

    /// The dataset indices of the items in the batch at a position; `None` if the items have no
    /// index. Nothing is read.
    ///
    /// # Errors
    /// If the order of the epoch cannot be made.
    fn indices(&self, at: EpochOffset) -> Result<Option<Vec<usize>>> {
        let _ = at;
        Ok(None)
    }
}

/// Ready batches: every epoch has them in this order.
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

/// A loader chosen at run time.
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

    fn batches_of_share(&self, from: EpochOffset, device: &Device, share: Share, in_order: bool) -> Result<Batches<B>> {
        (**self).batches_of_share(from, device, share, in_order)
    }

    fn own_share(&self) -> Option<Share> {
        (**self).own_share()
    }

    fn shuffles(&self) -> bool {
        (**self).shuffles()
    }

    fn is_inline(&self) -> bool {
        (**self).is_inline()
    }

    fn indices(&self, at: EpochOffset) -> Result<Option<Vec<usize>>> {
        (**self).indices(at)
    }
}
