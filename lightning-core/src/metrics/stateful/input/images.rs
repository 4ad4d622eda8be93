//! Two images that are compared.

use burn::tensor::{FloatDType, Tensor};

use crate::{
    error::{Error, Result},
    functional::at_least_f32,
    metrics::MetricInput,
};

/// The predicted and the right images of one batch.
///
/// It is made of a tuple of two float tensors `[batch, channels, height, width]` of the same shape,
/// each of which may be borrowed.
#[derive(Clone, Debug)]
pub struct ImagePair {
    pub(crate) predictions: Tensor<4>,
    pub(crate) targets: Tensor<4>,
}

impl<P: ImageValues, T: ImageValues> MetricInput<ImagePair> for (P, T) {
    fn to_input(&self) -> Result<ImagePair> {
        let (predictions, targets) = (self.0.to_images(), self.1.to_images());
        let (found, wanted) = (predictions.dims(), targets.dims());
        if found != wanted {
            let text = format!("predictions and targets must have the same shape, found {found:?} and {wanted:?}");
            return Err(Error::data(text).help("pass two tensors of shape [batch, channels, height, width]"));
        }
        let dtype: FloatDType = predictions.dtype().into();
        Ok(ImagePair { predictions, targets: targets.cast(dtype) })
    }
}

/// The trait of values that can be the images of an [`ImagePair`].
#[diagnostic::on_unimplemented(
    message = "images must be a float tensor of rank 4, found `{Self}`",
    label = "expected images",
    note = "write `Tensor<4>` [batch, channels, height, width]",
    note = "C11 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait ImageValues {
    /// Returns the images outside of any graph.
    #[doc(hidden)]
    fn to_images(&self) -> Tensor<4>;
}

impl ImageValues for Tensor<4> {
    fn to_images(&self) -> Tensor<4> {
        at_least_f32(self.clone().without_autodiff())
    }
}

impl<T: ImageValues + ?Sized> ImageValues for &T {
    fn to_images(&self) -> Tensor<4> {
        T::to_images(self)
    }
}
