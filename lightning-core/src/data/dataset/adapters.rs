//! Datasets made of other datasets: concatenated, zipped, mapped, cached.

use std::{fmt, sync::OnceLock};

use burn::tensor::TensorData;

use super::{Dataset, out_of_range};
use crate::error::{Error, Result};

/// Several datasets in sequence.
///
/// Datasets of different types with the same item type are passed as `Box<dyn Dataset<Item = …>>`.
///
/// ```
/// use lightning_core::data::{Concat, Dataset};
///
/// let letters = Concat::new([vec!['a', 'b'], vec!['c']]);
/// assert_eq!((letters.len(), letters.get(2)?), (3, 'c'));
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Concat<D> {
    parts: Vec<D>,
    /// The end of each part, as an index of the whole.
    ends: Vec<usize>,
}

impl<D: Dataset> Concat<D> {
    /// Concatenates `parts`.
    pub fn new(parts: impl IntoIterator<Item = D>) -> Self {
        let parts: Vec<D> = parts.into_iter().collect();
        let ends = parts.iter().scan(0, |end, part| {
            *end += part.len();
            Some(*end)
        });
        Self { ends: ends.collect(), parts }
    }

    /// The part of an item, and the index of the item in that part.
    fn locate(&self, index: usize) -> Result<(&D, usize)> {
        let part = self.ends.partition_point(|end| *end <= index);
        let start = part.checked_sub(1).and_then(|before| self.ends.as_slice().get(before)).copied().unwrap_or(0);
        let found = self.parts.get(part).ok_or_else(|| out_of_range(index, self.len()))?;
        Ok((found, index - start))
    }
}

impl<D: Dataset> Dataset for Concat<D> {
    type Item = D::Item;

    fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    fn get(&self, index: usize) -> Result<D::Item> {
        let (part, index) = self.locate(index)?;
        part.get(index)
    }

    fn check(&self) -> Result<()> {
        self.parts.iter().try_for_each(Dataset::check)
    }
}

impl<D> fmt::Debug for Concat<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concat")
            .field("parts", &self.parts.len())
            .field("len", &self.ends.last())
            .finish_non_exhaustive()
    }
}

/// A dataset whose items pass through a function. For random functions, use the loader's
/// [`map`](crate::data::DataLoaderBuilder::map).
///
/// ```
/// use lightning_core::data::{Dataset, Mapped};
///
/// let lengths = Mapped::new(vec!["one", "three"], |word| Ok(word.len()));
/// assert_eq!(lengths.get(1)?, 5);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Mapped<D, F> {
    dataset: D,
    map: F,
}

impl<D, F, T> Mapped<D, F>
where
    D: Dataset,
    F: Fn(D::Item) -> Result<T> + Send + Sync,
    T: Send,
{
    /// Applies `map` to every item of `dataset` that is read.
    pub fn new(dataset: D, map: F) -> Self {
        Self { dataset, map }
    }
}

impl<D, F, T> Dataset for Mapped<D, F>
where
    D: Dataset,
    F: Fn(D::Item) -> Result<T> + Send + Sync,
    T: Send,
{
    type Item = T;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Result<T> {
        (self.map)(self.dataset.get(index)?)
    }

    fn check(&self) -> Result<()> {
        self.dataset.check()
    }
}

impl<D, F> fmt::Debug for Mapped<D, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped").finish_non_exhaustive()
    }
}

/// Keeps each item in memory after it was first read. An item that cannot be read is tried again
/// the next time.
///
/// ```
/// use lightning_core::data::{Cached, Dataset, Mapped};
///
/// let decoded = Cached::new(Mapped::new(vec!["1", "2"], |text| Ok(text.parse::<i32>()?)));
/// assert_eq!((decoded.get(1)?, decoded.get(1)?), (2, 2));
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct Cached<D: Dataset> {
    dataset: D,
    items: Box<[OnceLock<D::Item>]>,
}

impl<D: Dataset> Cached<D> {
    /// Caches the items of `dataset`. Nothing is read yet.
    pub fn new(dataset: D) -> Self {
        let items = std::iter::repeat_with(OnceLock::new).take(dataset.len()).collect();
        Self { dataset, items }
    }
}

impl<D: Dataset> Dataset for Cached<D>
where
    D::Item: Clone + Sync,
{
    type Item = D::Item;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn get(&self, index: usize) -> Result<D::Item> {
        let Some(kept) = self.items.get(index) else { return self.dataset.get(index) };
        match kept.get() {
            Some(item) => Ok(item.clone()),
            // Two threads may read the same item; the first to finish stores it.
            None => {
                let item = self.dataset.get(index)?;
                Ok(kept.get_or_init(|| item).clone())
            }
        }
    }

    fn check(&self) -> Result<()> {
        self.dataset.check()
    }
}

impl<D: Dataset> fmt::Debug for Cached<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.items.iter().filter(|item| item.get().is_some()).count();
        f.debug_struct("Cached").field("len", &self.items.len()).field("kept", &kept).finish_non_exhaustive()
    }
}

/// Two to four datasets of the same length, as one of tuples: an item is the tuple of the items
/// with the same index. A `Zip` of [`Rows`](crate::data::Rows) corresponds to
/// `torch.utils.data.TensorDataset`.
///
/// ```
/// use lightning_core::data::{Dataset, Zip};
///
/// let pairs = Zip::new((vec!["one", "two"], vec![1, 2]))?;
/// assert_eq!(pairs.get(1)?, ("two", 2));
/// assert!(Zip::new((vec!["one", "two"], vec![1])).is_err());
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[doc(alias = "TensorDataset")]
#[derive(Clone)]
pub struct Zip<T>(T);

impl<T: Zipped> Zip<T> {
    /// Zips the datasets of a tuple.
    ///
    /// # Errors
    /// If the datasets have different lengths.
    pub fn new(parts: T) -> Result<Self> {
        let lengths = parts.lengths();
        if lengths.windows(2).any(|pair| pair.first() != pair.last()) {
            let error = Error::data(format!("zipped datasets must have the same length, found {lengths:?}"));
            return Err(error.help("pass datasets of the same length"));
        }
        Ok(Self(parts))
    }
}

impl<T: Zipped> Dataset for Zip<T> {
    type Item = T::Item;

    fn len(&self) -> usize {
        // The minimum: if a part changes its length later, the loader reports it.
        self.0.lengths().into_iter().min().unwrap_or(0)
    }

    fn get(&self, index: usize) -> Result<T::Item> {
        self.0.get(index)
    }

    fn gather(&self, indices: &[usize]) -> Result<Option<Vec<TensorData>>> {
        self.0.gather(indices)
    }

    fn check(&self) -> Result<()> {
        self.0.check()
    }
}

impl<T> fmt::Debug for Zip<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zip").finish_non_exhaustive()
    }
}

/// A tuple of datasets.
#[doc(hidden)]
pub trait Zipped: Send + Sync {
    /// The tuple of their items.
    type Item: Send;
    /// The length of each dataset.
    fn lengths(&self) -> Vec<usize>;
    /// The items with an index.
    fn get(&self, index: usize) -> Result<Self::Item>;
    /// The columns of all datasets, if every one has columns.
    fn gather(&self, indices: &[usize]) -> Result<Option<Vec<TensorData>>>;
    /// Checks every dataset.
    fn check(&self) -> Result<()>;
}

macro_rules! zipped {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Dataset),+> Zipped for ($($name,)+) {
            type Item = ($($name::Item,)+);

            fn lengths(&self) -> Vec<usize> {
                vec![$(self.$index.len()),+]
            }

            fn get(&self, index: usize) -> Result<Self::Item> {
                Ok(($(self.$index.get(index)?,)+))
            }

            fn gather(&self, indices: &[usize]) -> Result<Option<Vec<TensorData>>> {
                let mut columns = Vec::new();
                $(match self.$index.gather(indices)? {
                    Some(more) => columns.extend(more),
                    None => return Ok(None),
                })+
                Ok(Some(columns))
            }

            fn check(&self) -> Result<()> {
                $(self.$index.check()?;)+
                Ok(())
            }
        }
    };
}

zipped!(A 0, B 1);
zipped!(A 0, B 1, C 2);
zipped!(A 0, B 1, C 2, D 3);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_after_the_other() {
        let all = Concat::new([vec![0, 1], vec![], vec![2, 3, 4], vec![]]);
        let items: Vec<i32> = (0..all.len()).map(|index| all.get(index).unwrap()).collect();
        assert_eq!(items, [0, 1, 2, 3, 4]);
        assert_eq!(all.get(5).unwrap_err().message(), "there is no item 5: the dataset has 5, counted from 0");
        let none: Concat<Vec<u8>> = Concat::new([]);
        assert!(none.is_empty() && none.get(0).is_err());
        let boxed: [Box<dyn Dataset<Item = i32>>; 2] = [Box::new(vec![7]), Box::new([8])];
        assert_eq!(Concat::new(boxed).get(1).unwrap(), 8);
    }

    #[test]
    fn an_item_is_read_once() {
        let reads = AtomicUsize::new(0);
        let counted = Mapped::new(vec![1, 2, 3], |item| {
            let read = reads.fetch_add(1, Ordering::Relaxed);
            if read == 0 { Err(Error::msg("not yet")) } else { Ok(item * 10) }
        });
        let cached = Cached::new(counted);
        assert!(cached.get(0).is_err());
        assert_eq!((cached.get(0).unwrap(), cached.get(0).unwrap(), cached.get(2).unwrap()), (10, 10, 30));
        assert_eq!(reads.load(Ordering::Relaxed), 3);
        assert!(cached.get(3).is_err());
        assert_eq!(format!("{cached:?}"), "Cached { len: 3, kept: 2, .. }");
    }

    #[test]
    fn side_by_side() {
        let three = Zip::new((vec![1, 2], vec!['a', 'b'], [0.5, 1.5])).unwrap();
        assert_eq!((three.len(), three.get(0).unwrap()), (2, (1, 'a', 0.5)));
        assert!(three.gather(&[0]).unwrap().is_none());
        let error = Zip::new((vec![1, 2], vec!['a'], [0.5, 1.5])).unwrap_err();
        assert_eq!(error.message(), "zipped datasets must have the same length, found [2, 1, 2]");
    }
}
