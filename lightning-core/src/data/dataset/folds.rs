//! K-fold cross-validation.

use std::{fmt, sync::Arc};

use super::{Dataset, Subset};
use crate::random::{Rng, Stream};

/// The folds of a cross-validation, returned by [`k_fold`]: an iterator of pairs of a training and
/// a validation part.
pub struct KFold<D> {
    dataset: Arc<D>,
    order: Vec<usize>,
    folds: usize,
    next: usize,
}

/// Divides a dataset into `k` random parts and returns, for each, the pair of all other items and
/// that part. The same seed gives the same parts. Their sizes differ by at most one item.
///
/// If there are fewer items than folds, some folds are empty; a single fold has no training items.
/// Building a loader of such a part is an error that names the fold.
///
/// The dataset is cloned once. Pass an `Arc` to avoid copying it.
///
/// ```
/// use lightning_core::data::{Dataset, k_fold};
///
/// let items: Vec<u32> = (0..10).collect();
/// for (fold, (train, val)) in k_fold(&items, 5, 42).enumerate() {
///     assert_eq!((train.len(), val.len()), (8, 2), "fold {fold}");
/// }
/// ```
pub fn k_fold<D: Dataset + Clone>(dataset: &D, k: usize, seed: u64) -> KFold<D> {
    let len = dataset.len();
    let order = Rng::derived(seed, Stream::Split, len as u64, 2).permutation(len);
    // With 0 folds, the caller's loop would silently do nothing.
    KFold { dataset: Arc::new(dataset.clone()), order, folds: k.max(1), next: 0 }
}

impl<D> KFold<D> {
    /// The items of a fold and all others. The first `len % folds` folds have one item more.
    fn divide(&self, fold: usize) -> (Vec<usize>, Vec<usize>) {
        let (size, longer) = (self.order.len() / self.folds, self.order.len() % self.folds);
        let start = fold * size + fold.min(longer);
        let end = start + size + usize::from(fold < longer);
        let inside = |place: usize| (start..end).contains(&place);
        let pick = |wanted: bool| {
            let places = self.order.iter().enumerate().filter(move |(place, _)| inside(*place) == wanted);
            places.map(|(_, index)| *index).collect()
        };
        (pick(false), pick(true))
    }

    fn part(&self, indices: Vec<usize>, fold: usize, use_of: &str) -> Subset<D> {
        let dataset = Arc::clone(&self.dataset);
        if !indices.is_empty() {
            return Subset::from_parts(dataset, indices);
        }
        let (items, folds) = (self.order.len(), self.folds);
        let fault = format!("fold {fold} of {folds} has nothing to {use_of} on: the dataset has {items} items");
        Subset::faulty(dataset, indices, &fault)
    }
}

impl<D> Iterator for KFold<D> {
    type Item = (Subset<D>, Subset<D>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.folds {
            return None;
        }
        let fold = self.next;
        self.next += 1;
        let (train, val) = self.divide(fold);
        Some((self.part(train, fold, "train"), self.part(val, fold, "validate")))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.folds - self.next;
        (left, Some(left))
    }
}

impl<D> ExactSizeIterator for KFold<D> {}

impl<D> fmt::Debug for KFold<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KFold").field("items", &self.order.len()).field("folds", &self.folds).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_validated_on_once() {
        let items: Vec<usize> = (0..23).collect();
        let mut validated = Vec::new();
        for (train, val) in k_fold(&items, 5, 7) {
            assert!([4, 5].contains(&val.len()));
            let mut all = [train.to_vec().unwrap(), val.to_vec().unwrap()].concat();
            all.sort_unstable();
            assert_eq!(all, items);
            validated.extend(val.to_vec().unwrap());
        }
        assert_ne!(validated, items);
        validated.sort_unstable();
        assert_eq!(validated, items);
    }

    #[test]
    fn the_seed_decides() {
        let items: Vec<usize> = (0..20).collect();
        let first = |seed| k_fold(&items, 4, seed).next().unwrap().1.indices().to_vec();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        assert_eq!(k_fold(&items, 4, 1).len(), 4);
    }

    #[test]
    fn folds_without_items_cannot_be_loaded() {
        let faults = |items: &Vec<u8>, k| -> Vec<String> {
            let parts = k_fold(items, k, 0).flat_map(|(train, val)| [train, val]);
            parts.filter_map(|part| part.check().err()).map(|error| error.message().to_owned()).collect()
        };
        let two = vec![0, 1];
        assert_eq!(faults(&two, 3), ["fold 2 of 3 has nothing to validate on: the dataset has 2 items"]);
        assert_eq!(faults(&two, 1), ["fold 0 of 1 has nothing to train on: the dataset has 2 items"]);
        assert_eq!(faults(&two, 0), faults(&two, 1));
        assert!(faults(&two, 2).is_empty());
    }
}
