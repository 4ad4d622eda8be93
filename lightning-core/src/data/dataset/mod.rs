//! Datasets: items that are read by their index.

use std::sync::Arc;

use burn::tensor::TensorData;

mod adapters;
mod folds;
#[cfg(feature = "dataset")]
mod from_burn;
mod rows;
mod split;
mod subset;

#[cfg(feature = "dataset")]
pub use self::from_burn::{FromBurn, from_burn};
pub use self::{
    adapters::{Cached, Concat, Mapped, Zip, Zipped},
    folds::{KFold, k_fold},
    rows::{ConvertedRows, Row, Rows},
    split::{SplitSizes, random_split, stratified_split},
    subset::Subset,
};
use crate::error::{Error, Result};

/// Items that are read by their index, from several threads.
///
/// Implemented by `Vec`s, arrays and slices of `Clone` items, [`Rows`] of one buffer, [`Subset`],
/// [`Concat`], [`Zip`], [`Mapped`], [`Cached`], Burn's datasets through
/// [`from_burn`](super::from_burn), and your own types:
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
    message = "a dataset must implement `Dataset`, found `{Self}`",
    label = "has no items to load",
    note = "pass a `Vec` of `Clone` items, or write `impl Dataset for {Self}` with `len` and `get`"
)]
pub trait Dataset: Send + Sync {
    /// One item.
    type Item: Send;

    /// The number of items. It must not change: a loader reads it when it is built and at the start
    /// of every epoch.
    fn len(&self) -> usize;

    /// Whether the dataset has no items.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`, which is below `len`.
    ///
    /// # Errors
    /// If the item cannot be read. The loader adds the index.
    fn get(&self, index: usize) -> Result<Self::Item>;

    /// Copies the items at `indices` into the columns of a batch: one column of shape
    /// `[indices.len(), …]` for each part of an item. Returns `None`, the default, if the dataset
    /// has no faster way than item by item.
    ///
    /// A loader without `map` and `collate` calls this first ([`FromItems`](super::FromItems)).
    ///
    /// # Errors
    /// If an item cannot be read.
    fn gather(&self, indices: &[usize]) -> Result<Option<Vec<TensorData>>> {
        let _ = indices;
        Ok(None)
    }

    /// Checks the dataset as a whole. Called once, when a loader is built.
    ///
    /// # Errors
    /// If the dataset cannot be read.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

// Not for `[T]` itself: `get` of a boxed slice would be the dataset's then, wherever this trait is
// in scope.
impl<T: Clone + Send + Sync> Dataset for &[T] {
    type Item = T;

    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    fn get(&self, index: usize) -> Result<T> {
        <[T]>::get(self, index).cloned().ok_or_else(|| out_of_range(index, <[T]>::len(self)))
    }
}

impl<T: Clone + Send + Sync> Dataset for Vec<T> {
    type Item = T;

    fn len(&self) -> usize {
        self.len()
    }

    fn get(&self, index: usize) -> Result<T> {
        Dataset::get(&self.as_slice(), index)
    }
}

impl<T: Clone + Send + Sync, const N: usize> Dataset for [T; N] {
    type Item = T;

    fn len(&self) -> usize {
        N
    }

    fn get(&self, index: usize) -> Result<T> {
        Dataset::get(&self.as_slice(), index)
    }
}

macro_rules! pointer {
    ($($pointer:ty),+) => {$(
        impl<D: Dataset + ?Sized> Dataset for $pointer {
            type Item = D::Item;

            fn len(&self) -> usize {
                (**self).len()
            }

            fn get(&self, index: usize) -> Result<D::Item> {
                (**self).get(index)
            }

            fn gather(&self, indices: &[usize]) -> Result<Option<Vec<TensorData>>> {
                (**self).gather(indices)
            }

            fn check(&self) -> Result<()> {
                (**self).check()
            }
        }
    )+};
}

pointer!(Arc<D>, Box<D>);

pub(super) fn out_of_range(index: usize, len: usize) -> Error {
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
        assert_eq!(Dataset::get(&[10, 20, 30], 1).unwrap(), 20);
        assert_eq!(Dataset::get(&items.as_slice(), 0).unwrap(), 10);
        let shared: Arc<dyn Dataset<Item = i32>> = Arc::new(items);
        assert_eq!((shared.len(), shared.get(0).unwrap()), (3, 10));
        let boxed: Box<dyn Dataset<Item = i32>> = Box::new([4, 5]);
        assert_eq!((boxed.len(), boxed.is_empty(), boxed.get(1).unwrap()), (2, false, 5));
    }

    #[test]
    fn an_index_too_large_is_named() {
        let expected = "there is no item 3: the dataset has 3, counted from 0";
        assert_eq!(Dataset::get(&vec![1, 2, 3], 3).unwrap_err().message(), expected);
        assert_eq!(Dataset::get(&[1, 2, 3], 3).unwrap_err().message(), expected);
    }
}
