//! Splitting a dataset into random parts.

use std::sync::Arc;

use crate::{
    data::{Dataset, Subset},
    error::{Error, Result},
    random::{Rng, Stream},
};

/// Splits a dataset into parts that share no item, at random and the same way for the same seed.
///
/// Sizes are counts, which must add up to the number of items, or fractions, which must add up to 1. A fraction's part is rounded so that
/// all items are given out: first down, then the items left over go to the parts that lost most by it.
///
/// ```
/// use lightning_core::data::{Dataset, random_split};
///
/// let items: Vec<u32> = (0..1797).collect();
/// let [train, val] = random_split(items.clone(), [1437, 360], 42)?;
/// assert_eq!((train.len(), val.len()), (1437, 360));
/// let [train, val] = random_split(items, [0.8, 0.2], 42)?;
/// assert_eq!((train.len(), val.len()), (1438, 359));
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub fn random_split<D: Dataset, const N: usize>(
    dataset: D,
    sizes: impl SplitSizes<N>,
    seed: u64,
) -> Result<[Subset<D>; N]> {
    let len = dataset.len();
    let counts = sizes.counts(len)?;
    if let Some(part) = counts.iter().position(|count| *count == 0) {
        let error = Error::data(format!("part {part} of the split is empty: the parts of {len} items have {counts:?}"));
        return Err(error.help("give each part at least one item"));
    }
    let order = Rng::derived(seed, Stream::Split, len as u64, 0).permutation(len);
    let dataset = Arc::new(dataset);
    let mut rest = order.as_slice();
    Ok(counts.map(|count| {
        let (part, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = after;
        Subset::from_parts(Arc::clone(&dataset), part.to_vec())
    }))
}

/// The sizes of the parts of a split: `[usize; N]` counts or `[f64; N]` fractions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how to split a dataset",
    label = "neither counts nor fractions",
    note = "write an array of counts, `[1437, 360]`, or of fractions, `[0.8, 0.2]`"
)]
pub trait SplitSizes<const N: usize>: sealed::Sealed {
    /// How many of `len` items each part has; they add up to `len`.
    #[doc(hidden)]
    fn counts(&self, len: usize) -> Result<[usize; N]>;
}

mod sealed {
    pub trait Sealed {}
    impl<const N: usize> Sealed for [usize; N] {}
    impl<const N: usize> Sealed for [f64; N] {}
}

impl<const N: usize> SplitSizes<N> for [usize; N] {
    fn counts(&self, len: usize) -> Result<[usize; N]> {
        // In 128 bits no sum of counts overflows.
        let sum: u128 = self.iter().map(|count| *count as u128).sum();
        if sum == len as u128 {
            return Ok(*self);
        }
        let error = Error::data(format!("the parts of the split have {sum} items together, the dataset has {len}"));
        Err(error.help("make the counts add up to the length of the dataset, or write fractions: `[0.8, 0.2]`"))
    }
}

impl<const N: usize> SplitSizes<N> for [f64; N] {
    fn counts(&self, len: usize) -> Result<[usize; N]> {
        let sum: f64 = self.iter().sum();
        let sensible = self.iter().all(|fraction| (0.0..=1.0).contains(fraction));
        if !sensible || (sum - 1.0).abs() > 1e-6 {
            let error = Error::data(format!("the fractions of the split are {self:?}, together {sum}, expected 1"));
            return Err(error.help("write positive fractions that add up to 1, as in `[0.8, 0.2]`"));
        }
        Ok(largest_remainders(self, sum, len))
    }
}

/// The method of largest remainders; a tie goes to the earlier part.
fn largest_remainders<const N: usize>(fractions: &[f64; N], sum: f64, len: usize) -> [usize; N] {
    let exact = fractions.map(|fraction| fraction / sum * len as f64);
    let mut counts = exact.map(|exact| exact.floor() as usize);
    let given: usize = counts.iter().sum();
    let mut parts: Vec<usize> = (0..N).collect();
    let lost = |part: &usize| exact.get(*part).map_or(0.0, |exact| exact.fract());
    parts.sort_by(|a, b| lost(b).total_cmp(&lost(a)));
    for part in parts.into_iter().cycle().take(len.saturating_sub(given)) {
        if let Some(count) = counts.get_mut(part) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_parts_make_up_the_whole() {
        let items: Vec<usize> = (0..100).collect();
        let [a, b, c] = random_split(items.clone(), [50, 30, 20], 7).unwrap();
        let mut all = [a.to_vec().unwrap(), b.to_vec().unwrap(), c.to_vec().unwrap()].concat();
        assert_ne!(all, items);
        all.sort_unstable();
        assert_eq!(all, items);
        let [again, ..] = random_split(items.clone(), [50, 30, 20], 7).unwrap();
        assert_eq!(a.indices(), again.indices());
        let [other, ..] = random_split(items, [50, 30, 20], 8).unwrap();
        assert_ne!(a.indices(), other.indices());
    }

    #[test]
    fn fractions_are_rounded_to_the_nearest_whole() {
        assert_eq!([0.71, 0.29].counts(100).unwrap(), [71, 29]);
        assert_eq!([0.8, 0.2].counts(1797).unwrap(), [1438, 359]);
        assert_eq!([1.0 / 3.0; 3].counts(10).unwrap(), [4, 3, 3]);
        assert_eq!([0.9, 0.1].counts(1).unwrap(), [1, 0]);
        for len in 0..500 {
            assert_eq!([0.7, 0.2, 0.1].counts(len).unwrap().iter().sum::<usize>(), len);
        }
    }

    #[test]
    fn sizes_that_do_not_fit() {
        let message = |error: Result<[Subset<Vec<u8>>; 2]>| error.unwrap_err().message().to_owned();
        let items = vec![0_u8; 10];
        assert_eq!(
            message(random_split(items.clone(), [8, 3], 0)),
            "the parts of the split have 11 items together, the dataset has 10"
        );
        assert!(random_split(items.clone(), [usize::MAX, 11], 0).is_err());
        assert_eq!(
            message(random_split(items.clone(), [0.5, 0.25], 0)),
            "the fractions of the split are [0.5, 0.25], together 0.75, expected 1"
        );
        assert!(random_split(items.clone(), [1.5, -0.5], 0).is_err());
        assert!(random_split(items.clone(), [f64::NAN, 1.0], 0).is_err());
        assert_eq!(
            message(random_split(items.clone(), [10, 0], 0)),
            "part 1 of the split is empty: the parts of 10 items have [10, 0]"
        );
        assert_eq!(
            message(random_split(items, [0.99, 0.01], 0)),
            "part 1 of the split is empty: the parts of 10 items have [10, 0]"
        );
    }
}
