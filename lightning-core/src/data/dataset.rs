//! What a loader reads from: items that are fetched by their index.

use std::{fmt, sync::Arc};

use crate::error::{Error, Result};

/// Items with an index, read one at a time and from several threads.
///
/// ```
/// use lightning_core::{Result, data::Dataset};
///
/// struct Squares(usize);
///
/// impl Dataset for Squares {
///     type Item = usize;
///
///     fn len(&self) -> usize {
///         self.0
///     }
///
///     fn get(&self, index: usize) -> Result<usize> {
///         Ok(index * index)
///     }
/// }
///
/// assert_eq!(Squares(10).get(3)?, 9);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a dataset",
    label = "has no items to load",
    note = "give a `Vec` of `Clone` items, or write `impl Dataset for {Self}` with `len` and `get`"
)]
pub trait Dataset: Send + Sync {
    /// One item.
    type Item: Send;

    /// How many items there are.
    fn len(&self) -> usize;

    /// Whether there is no item.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`, which is below `len`. The loader adds the index to the error.
    fn get(&self, index: usize) -> Result<Self::Item>;
}

impl<T: Clone + Send + Sync> Dataset for Vec<T> {
    type Item = T;

    fn len(&self) -> usize {
        self.len()
    }

    fn get(&self, index: usize) -> Result<T> {
        self.as_slice().get(index).cloned().ok_or_else(|| out_of_range(index, self.len()))
    }
}

impl<D: Dataset + ?Sized> Dataset for Arc<D> {
    type Item = D::Item;

    fn len(&self) -> usize {
        (**self).len()
    }

    fn get(&self, index: usize) -> Result<D::Item> {
        (**self).get(index)
    }
}

impl<D: Dataset + ?Sized> Dataset for Box<D> {
    type Item = D::Item;

    fn len(&self) -> usize {
        (**self).len()
    }

    fn get(&self, index: usize) -> Result<D::Item> {
        (**self).get(index)
    }
}

/// Some items of a dataset, in an order of their own. Cheap to clone: the dataset is shared, no item is copied.
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
}

impl<D: Dataset> Subset<D> {
    /// The items of `dataset` at `indices`; an index may occur more than once.
    pub fn new(dataset: D, indices: Vec<usize>) -> Result<Self> {
        let len = dataset.len();
        match indices.iter().find(|index| **index >= len) {
            Some(index) => Err(out_of_range(*index, len)),
            None => Ok(Self::from_parts(Arc::new(dataset), indices)),
        }
    }

    /// Every item, read in order.
    pub fn to_vec(&self) -> Result<Vec<D::Item>> {
        self.indices.iter().map(|index| self.dataset.get(*index)).collect()
    }
}

impl<D> Subset<D> {
    /// Every index is below the dataset's length.
    pub(super) fn from_parts(dataset: Arc<D>, indices: Vec<usize>) -> Self {
        Self { dataset, indices: indices.into() }
    }

    /// Where the items stand in the whole dataset.
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
}

impl<D> Clone for Subset<D> {
    fn clone(&self) -> Self {
        Self { dataset: Arc::clone(&self.dataset), indices: Arc::clone(&self.indices) }
    }
}

impl<D> fmt::Debug for Subset<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subset").field("len", &self.indices.len()).finish_non_exhaustive()
    }
}

fn out_of_range(index: usize, len: usize) -> Error {
    Error::data(format!("there is no item {index}: the dataset has {len}, counted from 0"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn items_by_index() {
        let items = vec![10, 20, 30];
        assert_eq!(Dataset::get(&items, 2).unwrap(), 30);
        let shared: Arc<dyn Dataset<Item = i32>> = Arc::new(items);
        assert_eq!((shared.len(), shared.get(0).unwrap()), (3, 10));
        let boxed: Box<dyn Dataset<Item = i32>> = Box::new(Subset::new(shared, vec![2, 0, 2]).unwrap());
        assert_eq!((boxed.len(), boxed.is_empty(), boxed.get(1).unwrap()), (3, false, 10));
    }

    #[test]
    fn an_index_too_large_is_named() {
        let expected = "there is no item 3: the dataset has 3, counted from 0";
        assert_eq!(Dataset::get(&vec![1, 2, 3], 3).unwrap_err().message(), expected);
        assert_eq!(Subset::new(vec![1, 2, 3], vec![0, 3]).unwrap_err().message(), expected);
        let subset = Subset::new(vec![1, 2, 3], vec![0]).unwrap();
        assert_eq!(subset.get(1).unwrap_err().message(), "there is no item 1: the dataset has 1, counted from 0");
    }
}
