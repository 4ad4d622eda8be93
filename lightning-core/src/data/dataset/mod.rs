//! What a loader reads from: items that are fetched by their index.

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

/// Items with an index, read one at a time and from several threads.
///
/// Datasets are `Vec`s, arrays and slices of `Clone` items, [`Rows`](super::Rows) of one buffer,
/// [`Subset`](super::Subset)s, [`Concat`](super::Concat)enations, [`Zip`](super::Zip)s,
/// [`Mapped`](super::Mapped) and [`Cached`](super::Cached) ones, Burn's own by
/// [`from_burn`](super::from_burn), and whatever implements this trait:
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

    /// How many items there are. A loader asks when it is built and at the start of every epoch:
    /// the answer must not change.
    fn len(&self) -> usize;

    /// Whether there is no item.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`, which is below `len`. The loader adds the index to the error.
    fn get(&self, index: usize) -> Result<Self::Item>;

    /// The items at `indices`, copied straight into the columns of a batch: one column of shape
    /// `[indices.len(), …]` for each part of the item. `None` where a dataset has no faster way
    /// than item by item, which is what it says if nothing is written here.
    ///
    /// A loader without `map` and `collate` asks for the columns first
    /// ([`FromItems`](super::FromItems)).
    fn gather(&self, indices: &[usize]) -> Result<Option<Vec<TensorData>>> {
        let _ = indices;
        Ok(None)
    }

    /// Whether the items can be read at all: asked once, when a loader is built.
    ///
    /// # Errors
    /// What is wrong with the dataset as a whole.
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
