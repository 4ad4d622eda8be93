//! The dtypes and shapes in which losses are computed.

use burn::tensor::{DType, FloatDType, Tensor};

/// Casts half precision to float32; float32 and float64 stay as they are.
pub(crate) fn at_least_f32<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.dtype() {
        DType::F16 | DType::BF16 => tensor.cast(FloatDType::F32),
        _ => tensor,
    }
}

/// Casts both tensors to the dtype in which a loss of `input` is computed.
pub(super) fn same_dtype<const D: usize>(input: Tensor<D>, target: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    let input = at_least_f32(input);
    let dtype: FloatDType = input.dtype().into();
    (input, target.cast(dtype))
}

/// Rejects tensors of different shapes.
///
/// Burn would broadcast `[batch, 1]` with `[batch]` or `[1]`, and the model would silently train on
/// values that do not belong together.
///
/// # Panics
/// If the shapes differ.
pub(super) fn check_shapes<const D: usize>(name: &str, input: &Tensor<D>, target: &Tensor<D>) {
    let (input, target) = (input.dims(), target.dims());
    assert!(
        input == target,
        "`{name}` needs two tensors of the same shape, found {input:?} and {target:?}: \
         reshape one of them with `.reshape(…)`"
    );
}
