//! Some items of a dataset.

use std::{fmt, sync::Arc};

use burn::tensor::TensorData;

use super::{Dataset, out_of_range};
use crate::error::{Error, Result};

/// Some items of a dataset, in any order. Clones share the dataset; no item is copied.
///
/// ```
/// use lightning_core::data::{Dataset, Subset};
///
/// let letters = Subset::new(vec!['a', 'b', 'c', 'd'], vec![3, 1])?;
/// assert_eq!(letters.to_vec()?, ['d', 'b']);
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct Subset<D> {
    dataset: Arc<D>,
    indices: Arc<[usize]>,
    /// An error that is reported when a loader is built.
    fault: Option<Arc<str>>,
}

impl<D: Dataset> Subset<D> {
    /// Selects the items of `dataset` at `indices`. An index may occur more than once.
    ///
    /// # Errors
    /// If an index is outside the dataset.
    pub fn new(dataset: D, indices: Vec<usize>) -> Result<Self> {
        let len = dataset.len();
        match indices.iter().find(|index| **index >= len) {
            Some(index) => Err(out_of_range(*index, len)),
            None => Ok(Self::from_parts(Arc::new(dataset), indices)),
        }
    }

    /// Reads every item, in order.
    ///
    /// # Errors
    /// If an item cannot be read.
    pub fn to_vec(&self) -> Result<Vec<D::Item>> {
        self.indices.iter().map(|index| self.dataset.get(*index)).collect()
    }
}

impl<D> Subset<D> {
    /// Requires every index to be below the dataset's length.
    pub(super) fn from_parts(dataset: Arc<D>, indices: Vec<usize>) -> Self {
        Self { dataset, indices: indices.into(), fault: None }
    }

    /// A subset of which no loader can be built, with the reason.
    pub(super) fn faulty(dataset: Arc<D>, indices: Vec<usize>, fault: &str) -> Self {
        Self { fault: Some(fault.into()), ..Self::from_parts(dataset, indices) }
    }

    /// The indices of the items in the whole dataset.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// The whole dataset.
    pub fn dataset(&self) -> &D {
        &self.dataset
    }
}

impl<D: Dataset> Dataset for Subset<D> {
    type Item = D::Item;

    fn len(&self) -> usize {
        self.indices.len()
    }

    fn get(&self, index: usize) -> Result<D::Item> {
        match self.indices.get(index) {
            Some(index) => self.dataset.get(*index),
            None => Err(out_of_range(index, self.indices.len())),
        }
    }

    fn gather(&self, indices: &[usize]) -> Result<Option<Vec<TensorData>>> {
        let inner = indices
            .iter()
            .map(|index| self.indices.get(*index).copied().ok_or_else(|| out_of_range(*index, self.indices.len())));
        self.dataset.gather(&inner.collect::<Result<Vec<usize>>>()?)
    }

    fn check(&self) -> Result<()> {
        match &self.fault {
            Some(fault) => Err(Error::data(fault.to_string())),
            None => self.dataset.check(),
        }
    }
}

impl<D> Clone for Subset<D> {
    fn clone(&self) -> Self {
        Self { dataset: Arc::clone(&self.dataset), indices: Arc::clone(&self.indices), fault: self.fault.clone() }
    }
}

impl<D> fmt::Debug for Subset<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subset").field("len", &self.indices.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn items_in_an_order_of_their_own() {
        let boxed: Box<dyn Dataset<Item = i32>> = Box::new(Subset::new(vec![10, 20, 30], vec![2, 0, 2]).unwrap());
        assert_eq!((boxed.len(), boxed.is_empty(), boxed.get(1).unwrap()), (3, false, 10));
    }

    #[test]
    fn an_index_too_large_is_named() {
        let expected = "there is no item 3: the dataset has 3, counted from 0";
        assert_eq!(Subset::new(vec![1, 2, 3], vec![0, 3]).unwrap_err().message(), expected);
        let subset = Subset::new(vec![1, 2, 3], vec![0]).unwrap();
        assert_eq!(subset.get(1).unwrap_err().message(), "there is no item 1: the dataset has 1, counted from 0");
    }

    #[test]
    fn what_is_wrong_is_told_at_the_check() {
        let part = Subset::faulty(Arc::new(vec![1]), vec![], "nothing is left");
        assert_eq!(part.check().unwrap_err().message(), "nothing is left");
        assert!(Subset::new(vec![1], vec![0]).unwrap().check().is_ok());
    }
}
