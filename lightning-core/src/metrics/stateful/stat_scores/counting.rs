//! How often each class is right, predicted and the target, counted on the device.

use burn::tensor::{Bool, IndexingUpdateOp, Int, Tensor};

use crate::tensor::labels::no_class;

/// Counts right and wrong predictions of an unknown number of classes, as if there were one class.
pub(super) fn count_hits(
    predicted: Tensor<1, Int>,
    targets: Tensor<1, Int>,
    ignored: Option<Tensor<1, Bool>>,
) -> Tensor<1, Int> {
    let hits = predicted.equal(targets).int();
    let (hits, counted) = match ignored {
        Some(ignored) => (hits.mask_fill(ignored.clone(), 0), ignored.bool_not().int().sum()),
        None => (hits.clone(), hits.ones_like().sum()),
    };
    let none = counted.zeros_like();
    let group = |count: Tensor<1, Int>| [count, none.clone(), none.clone()];
    let groups = [group(hits.sum()), group(counted.clone()), group(counted)];
    Tensor::cat(groups.into_iter().flatten().collect(), 0)
}

/// Counts the hits, predictions and targets of each class.
pub(super) fn count_classes(
    predicted: Tensor<1, Int>,
    targets: Tensor<1, Int>,
    ignored: Option<&Tensor<1, Bool>>,
    classes: usize,
) -> Tensor<1, Int> {
    let (ignored_place, foreign_place) = (classes as i64, classes as i64 + 1);
    let group = classes as i64 + 2;
    let place = |labels: Tensor<1, Int>| {
        let labels = labels.clone().mask_fill(no_class(&labels, classes), foreign_place);
        match ignored {
            Some(ignored) => labels.mask_fill(ignored.clone(), ignored_place),
            None => labels,
        }
    };
    let (predicted, targets) = (place(predicted), place(targets));
    // A wrong prediction is not a hit of any class; what is not a class shows among the targets.
    let wrong = predicted.clone().not_equal(targets.clone());
    let hits = predicted.clone().mask_fill(wrong, ignored_place);
    let places = Tensor::cat(vec![hits, predicted + group, targets + 2 * group], 0);
    count_places(places, 3 * group as usize)
}

/// Returns the label that each target of a multilabel task belongs to; the targets of a sample are
/// adjacent.
pub(crate) fn column_of(targets: &Tensor<1, Int>, labels: usize) -> Tensor<1, Int> {
    let [len] = targets.dims();
    let columns = Tensor::<1, Int>::arange(0..labels as i64, (&targets.device(), targets.dtype()));
    columns.reshape([1, labels]).expand([len / labels.max(1), labels]).reshape([len])
}

/// Returns how often each of `len` places occurs.
pub(crate) fn count_places(places: Tensor<1, Int>, len: usize) -> Tensor<1, Int> {
    let none = Tensor::zeros([len], (&places.device(), places.dtype()));
    let ones = places.ones_like();
    none.scatter(0, places, ones, IndexingUpdateOp::Add)
}
