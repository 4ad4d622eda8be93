//! Burn's datasets.

use std::{error::Error as StdError, fmt, marker::PhantomData};

use burn::data::dataset::{Dataset as BurnDataset, DatasetError};

use super::{Dataset, out_of_range};
use crate::error::{Error, Result};

/// One of Burn's datasets, returned by [`from_burn`].
pub struct FromBurn<D, I, E = DatasetError> {
    dataset: D,
    types: PhantomData<fn() -> (I, E)>,
}

/// Makes a [`Dataset`] of one of Burn's: in memory, of a CSV or JSON file, of a database, or a
/// transform of these.
///
/// ```
/// use burn::data::dataset::InMemDataset;
/// use lightning_core::data::{DataLoader, EpochOffset, from_burn};
///
/// let dataset = from_burn(InMemDataset::new(vec![1, 2, 3]));
/// let loader: DataLoader<Vec<i32>> =
///     DataLoader::builder(dataset).batch_size(2).collate(Ok).build()?;
/// assert_eq!(loader.resume(EpochOffset::default())?.count(), 2);
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub fn from_burn<D, I, E>(dataset: D) -> FromBurn<D, I, E>
where
    D: BurnDataset<I, E>,
    E: StdError + Send + Sync + 'static,
{
    FromBurn { dataset, types: PhantomData }
}

impl<D, I, E> Dataset for FromBurn<D, I, E>
where
    D: BurnDataset<I, E>,
    I: Send,
    E: StdError + Send + Sync + 'static,
{
    type Item = I;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Result<I> {
        // Burn panics for such an index.
        if index >= self.dataset.len() {
            return Err(out_of_range(index, self.dataset.len()));
        }
        self.dataset.get(index).map_err(|error| Error::data("Burn's dataset failed").caused_by(error))
    }
}

impl<D: Clone, I, E> Clone for FromBurn<D, I, E> {
    fn clone(&self) -> Self {
        Self { dataset: self.dataset.clone(), types: PhantomData }
    }
}

impl<D, I, E> fmt::Debug for FromBurn<D, I, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromBurn").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use burn::data::dataset::InMemDataset;

    use super::*;

    #[test]
    fn items_of_burn() {
        let dataset = from_burn(InMemDataset::new(vec!["a", "b"]));
        assert_eq!((dataset.len(), dataset.get(1).unwrap()), (2, "b"));
        assert_eq!(dataset.get(2).unwrap_err().message(), "there is no item 2: the dataset has 2, counted from 0");
    }
}
