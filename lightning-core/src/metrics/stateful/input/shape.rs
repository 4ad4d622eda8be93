//! Tensors in the shape of a metric, also without any elements.
//!
//! `reshape` takes a size of 0 as "the size of the source", so a tensor without elements is created
//! in its place.

use burn::tensor::{Int, Tensor};

use crate::tensor::labels::wide;

/// Returns a float tensor as rows and columns.
pub(crate) fn matrix<const D: usize>(values: Tensor<D>, [rows, columns]: [usize; 2]) -> Tensor<2> {
    match values.shape().num_elements() {
        0 => Tensor::zeros([rows, columns], (&values.device(), values.dtype())),
        _ => values.reshape([rows, columns]),
    }
}

/// Returns labels in one row, outside of any graph, as integers of at least 32 bits.
pub(crate) fn flat_labels<const D: usize>(labels: &Tensor<D, Int>) -> Tensor<1, Int> {
    let labels = labels.clone().without_autodiff();
    let flat = match labels.shape().num_elements() {
        0 => Tensor::zeros([0], (&labels.device(), labels.dtype())),
        elements => labels.reshape([elements]),
    };
    wide(flat)
}
