//! The number of samples in a batch.

use burn::tensor::{Bool, Int, Tensor};

/// The first known size. Generated code calls it with the fields in order.
#[doc(hidden)]
pub fn first_size<const N: usize>(sizes: [Option<usize>; N]) -> Option<usize> {
    sizes.into_iter().flatten().next()
}

/// A field that `#[batch(size)]` can count: dimension 0 of a tensor, the length of a `Vec`, the
/// value of a `usize`.
#[diagnostic::on_unimplemented(
    message = "`#[batch(size)]` must be on a tensor, a `Vec` or a `usize`, found `{Self}`",
    label = "its number of samples is unknown",
    note = "move `#[batch(size)]` to a field with one of these types",
    note = "C16 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait BatchLen {
    /// The number of samples.
    fn batch_len(&self) -> usize;
}

macro_rules! tensor_len {
    ($($kind:ty),+) => {$(
        /// Dimension 0.
        impl<const D: usize> BatchLen for Tensor<D, $kind> {
            fn batch_len(&self) -> usize {
                self.dims().first().copied().unwrap_or(0)
            }
        }
    )+};
}

tensor_len!(burn::tensor::Float, Int, Bool);

/// The number of elements.
impl<T> BatchLen for Vec<T> {
    fn batch_len(&self) -> usize {
        self.len()
    }
}

/// The value itself.
impl BatchLen for usize {
    fn batch_len(&self) -> usize {
        *self
    }
}
