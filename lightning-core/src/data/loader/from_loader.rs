//! Iterables as loaders.

use super::{Batches, EpochOffset, Loader};
use crate::error::Result;

/// An iterable as a loader: what [`from_loader`] returns.
#[derive(Clone, Debug)]
pub struct FromLoader<I>(I);

/// Makes a loader of anything that can be cloned and iterated over: each epoch iterates over a
/// fresh clone.
///
/// Where a run resumes in the middle of an epoch, the batches before are skipped with
/// `Iterator::nth`, which reads through them unless the iterator knows better. The order is the
/// iterable's own; it does not know seed and epoch.
///
/// ```
/// use lightning_core::data::{Loader, EpochOffset, from_loader};
///
/// let loader = from_loader((0..4).map(|i| i * i));
/// assert_eq!(loader.len(), Some(4));
/// let rest = loader.batches(EpochOffset { batch: 2, ..EpochOffset::default() })?;
/// assert_eq!(rest.collect::<Result<Vec<i32>, _>>()?, [4, 9]);
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
