//! Splitting a dataset into random parts.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    data::{Dataset, Subset},
    error::{Error, Result},
    random::{Rng, Stream},
};

/// Splits a dataset into random, disjoint parts. The same seed gives the same parts.
///
/// Sizes are counts, which must add up to the number of items, or fractions, which must add up to
/// 1. Fractions are rounded by the method of largest remainders.
///
/// # Errors
/// If the sizes do not add up, or if a part is empty.
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
    check_parts(counts, len)?;
    let order = Rng::derived(seed, Stream::Split, len as u64, 0).permutation(len);
    let dataset = Arc::new(dataset);
    let mut rest = order.as_slice();
    Ok(counts.map(|count| {
        let (part, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = after;
        Subset::from_parts(Arc::clone(&dataset), part.to_vec())
    }))
}

/// Splits a dataset into random parts with nearly the same proportions of classes, for data with
/// rare classes.
///
/// `class` returns the class of an item; every item is read once. Each class is split separately.
/// The parts have exactly the sizes that [`random_split`] gives. The items of a part are in random
/// order.
///
/// # Errors
/// As [`random_split`], and if an item cannot be read.
///
/// ```
/// use lightning_core::data::{Dataset, stratified_split};
///
/// // 90 of one class, 10 of the other.
/// let items: Vec<(u32, bool)> = (0..100).map(|item| (item, item % 10 == 0)).collect();
/// let [train, val] = stratified_split(items, [0.8, 0.2], 42, |(_, rare)| *rare)?;
/// assert_eq!((train.len(), val.len()), (80, 20));
/// assert_eq!(val.to_vec()?.iter().filter(|(_, rare)| *rare).count(), 2);
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub fn stratified_split<D: Dataset, K: Ord, const N: usize>(
    dataset: D,
    sizes: impl SplitSizes<N>,
    seed: u64,
    class: impl Fn(&D::Item) -> K,
) -> Result<[Subset<D>; N]> {
    let len = dataset.len();
    let counts = sizes.counts(len)?;
    check_parts(counts, len)?;
    let mut rng = Rng::derived(seed, Stream::Split, len as u64, 1);
    let mut classes: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for index in rng.permutation(len) {
        let item = dataset.get(index).map_err(|error| {
            Error::data(format!("the class of item {index} of the dataset is not known")).caused_by(error)
        })?;
        classes.entry(class(&item)).or_default().push(index);
    }
    let mut parts: [Vec<usize>; N] = counts.map(Vec::with_capacity);
    let mut wanted = counts;
    let mut left = len;
    for members in classes.into_values() {
        let shares = proportional(&wanted, left, members.len());
        let mut rest = members.as_slice();
        for ((part, wanted), share) in parts.iter_mut().zip(&mut wanted).zip(shares) {
            let (given, after) = rest.split_at_checked(share).unwrap_or((rest, &[]));
            part.extend_from_slice(given);
            *wanted -= given.len();
            rest = after;
        }
        left -= members.len();
    }
    let dataset = Arc::new(dataset);
    Ok(parts.map(|mut part| {
        rng.shuffle(&mut part);
        Subset::from_parts(Arc::clone(&dataset), part)
    }))
}

/// Divides `members` among parts in proportion to the items that each part still needs, of the
/// `left` items. After each class the needs sum to the items that are left, so that the last class
/// fills every part exactly.
fn proportional<const N: usize>(wanted: &[usize; N], left: usize, members: usize) -> [usize; N] {
    let fractions = wanted.map(|wanted| wanted as f64 / left.max(1) as f64);
    let mut shares = largest_remainders(&fractions, 1.0, members);
    // Floating-point rounding may give a part one item more than it needs.
    for part in 0..N {
        while shares[part] > wanted[part] {
            let Some(other) = (0..N).find(|other| shares[*other] < wanted[*other]) else { break };
            shares[part] -= 1;
            shares[other] += 1;
        }
    }
    shares
}

fn check_parts<const N: usize>(counts: [usize; N], len: usize) -> Result<()> {
    match counts.iter().position(|count| *count == 0) {
        None => Ok(()),
        Some(part) => {
            let message = format!("part {part} of the split is empty: the parts of {len} items have {counts:?}");
            Err(Error::data(message).help("give each part at least one item"))
        }
    }
}

/// The sizes of the parts of a split: `[usize; N]` counts or `[f64; N]` fractions.
#[diagnostic::on_unimplemented(
    message = "a split must be counts or fractions, found `{Self}`",
    label = "not counts or fractions",
    note = "write `[1437, 360]` or `[0.8, 0.2]`"
)]
pub trait SplitSizes<const N: usize>: sealed::Sealed {
    /// The size of each part of `len` items. The sizes add up to `len`.
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
        // A sum in 128 bits cannot overflow.
        let sum: u128 = self.iter().map(|count| *count as u128).sum();
        if sum == len as u128 {
            return Ok(*self);
        }
        let error = Error::data(format!("the parts of the split must have {len} items in total, found {sum}"));
        Err(error.help("make the counts add up to the length of the dataset, or write fractions: `[0.8, 0.2]`"))
    }
}

impl<const N: usize> SplitSizes<N> for [f64; N] {
    fn counts(&self, len: usize) -> Result<[usize; N]> {
        let sum: f64 = self.iter().sum();
        let sensible = self.iter().all(|fraction| (0.0..=1.0).contains(fraction));
        if !sensible || (sum - 1.0).abs() > 1e-6 {
            let error = Error::data(format!("the fractions of the split must add up to 1, found {sum} for {self:?}"));
            return Err(error.help("write positive fractions that add up to 1, as in `[0.8, 0.2]`"));
        }
        Ok(largest_remainders(self, sum, len))
    }
}

/// The method of largest remainders. Ties go to the earlier part.
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
    fn every_part_has_every_class() {
        // Classes of 600, 300, 90 and 10 items.
        let class = |item: &usize| match item % 100 {
            0..60 => 'a',
            60..90 => 'b',
            90..99 => 'c',
            _ => 'd',
        };
        let items: Vec<usize> = (0..1_000).collect();
        let parts = stratified_split(items.clone(), [700, 200, 100], 3, class).unwrap();
        assert_eq!(parts.each_ref().map(Dataset::len), [700, 200, 100]);
        for (part, share) in parts.iter().zip([0.7, 0.2, 0.1]) {
            for (name, size) in [('a', 600.0), ('b', 300.0), ('c', 90.0), ('d', 10.0)] {
                let found = part.to_vec().unwrap().iter().filter(|item| class(item) == name).count();
                assert!((found as f64 - size * share).abs() <= 1.0, "{found} of {name}");
            }
        }
        let mut all: Vec<usize> = parts.iter().flat_map(|part| part.indices().to_vec()).collect();
        all.sort_unstable();
        assert_eq!(all, items);
        let again = stratified_split(items, [700, 200, 100], 3, class).unwrap();
        assert_eq!(parts[1].indices(), again[1].indices());
    }

    #[test]
    fn classes_of_one_item() {
        for len in 2..40 {
            let items: Vec<usize> = (0..len).collect();
            let parts = stratified_split(items, [1, len - 1], 5, |item| *item).unwrap();
            assert_eq!(parts.each_ref().map(Dataset::len), [1, len - 1]);
        }
    }

    #[test]
    fn an_item_without_a_class_is_named() {
        let items =
            crate::data::Mapped::new(vec![0, 1, 2], |item| if item == 1 { Err(Error::msg("torn")) } else { Ok(item) });
        let error = stratified_split(items, [2, 1], 0, |item| *item).unwrap_err();
        assert_eq!(error.to_string(), "the class of item 1 of the dataset is not known: torn");
    }

    #[test]
    fn sizes_that_do_not_fit() {
        let message = |error: Result<[Subset<Vec<u8>>; 2]>| error.unwrap_err().message().to_owned();
        let items = vec![0_u8; 10];
        assert_eq!(
            message(random_split(items.clone(), [8, 3], 0)),
            "the parts of the split must have 10 items in total, found 11"
        );
        assert!(random_split(items.clone(), [usize::MAX, 11], 0).is_err());
        assert_eq!(
            message(random_split(items.clone(), [0.5, 0.25], 0)),
            "the fractions of the split must add up to 1, found 0.75 for [0.5, 0.25]"
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
