//! Predictions and targets of a regression.

use burn::tensor::{FloatDType, Tensor};

use super::shape::matrix;
use crate::{
    error::{Error, Result},
    functional::at_least_f32,
    metrics::MetricInput,
};

/// The predictions and targets of one batch of a regression.
///
/// It is made of a tuple of two float tensors of the same shape, each of which may be borrowed. The
/// columns of `[samples, outputs]` are separate outputs for the metrics that tell them apart.
#[derive(Clone, Debug)]
pub struct Regression {
    /// `[samples, outputs]`; tensors of other ranks have one output.
    pub(crate) predictions: Tensor<2>,
    pub(crate) targets: Tensor<2>,
    /// The rank in the form given.
    pub(crate) rank: usize,
}

impl<P: RealValues, T: RealValues> MetricInput<Regression> for (P, T) {
    fn to_input(&self) -> Result<Regression> {
        let (predictions, shape) = self.0.to_values();
        let (targets, wanted) = self.1.to_values();
        if shape != wanted {
            let text = format!("predictions and targets must have the same shape, found {shape:?} and {wanted:?}");
            return Err(Error::data(text)
                .help("reshape one of them: broadcasting would compare values that do not belong together"));
        }
        let dtype: FloatDType = predictions.dtype().into();
        let targets = targets.cast(dtype);
        Ok(Regression { predictions, targets, rank: shape.len() })
    }
}

/// The trait of values that can be the predictions or targets of a [`Regression`].
#[diagnostic::on_unimplemented(
    message = "predictions and targets of a regression must be float tensors, found `{Self}`",
    label = "expected a float tensor",
    note = "write `.float()` to convert an integer tensor; predictions and targets must have the same shape",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait RealValues {
    /// Returns the values as `[samples, outputs]`, and the shape in the form given.
    #[doc(hidden)]
    fn to_values(&self) -> (Tensor<2>, Vec<usize>);
}

impl<const D: usize> RealValues for Tensor<D> {
    fn to_values(&self) -> (Tensor<2>, Vec<usize>) {
        let shape = self.dims().to_vec();
        let elements = self.shape().num_elements();
        let rows = if D == 2 { shape.first().copied().unwrap_or(0) } else { elements };
        let columns = if D == 2 { shape.get(1).copied().unwrap_or(1) } else { 1 };
        (matrix(at_least_f32(self.clone().without_autodiff()), [rows, columns]), shape)
    }
}

impl<T: RealValues + ?Sized> RealValues for &T {
    fn to_values(&self) -> (Tensor<2>, Vec<usize>) {
        T::to_values(self)
    }
}
