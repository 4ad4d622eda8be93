//! Burn's layers with one input, which an `InF32` can run.

use burn::{
    nn::{
        BatchNorm, Dropout, Embedding, GroupNorm, InstanceNorm, LayerNorm, Linear, LocalResponseNorm, PRelu,
        PositionalEncoding, RmsNorm, RotaryEncoding, SwiGlu,
        conv::{Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d},
        transformer::PositionWiseFeedForward,
    },
    tensor::{Int, Tensor},
};

use crate::batch::Batch;

/// A module with a `forward` that takes one input, for
/// [`InF32::forward`](crate::precision::InF32::forward).
///
/// Burn's layers implement it. For another module, implement it or use
/// [`InF32::call`](crate::precision::InF32::call).
///
/// ```
/// use burn::{nn::*, prelude::*};
/// use lightning_core::precision::{InF32, Layer};
///
/// #[derive(Module, Debug)]
/// struct Scale {
///     norm: LayerNorm,
/// }
///
/// impl Layer<Tensor<2>> for Scale {
///     type Output = Tensor<2>;
///     fn run(&self, input: Tensor<2>) -> Tensor<2> {
///         self.norm.forward(input) * 2.0
///     }
/// }
///
/// let device = Device::default();
/// let scale = InF32::new(Scale { norm: LayerNormConfig::new(3).init(&device) });
/// assert_eq!(scale.forward(Tensor::<2>::zeros([4, 3], &device)).dims(), [4, 3]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `forward` with one input of type `{I}`",
    label = "cannot run this layer in float32",
    note = "write `self.field.call(input, |layer, input| layer.forward(input))`, or implement \
            `lightning_core::precision::Layer` for it"
)]
pub trait Layer<I> {
    /// The output of the layer.
    type Output: Batch;

    /// Runs the layer.
    fn run(&self, input: I) -> Self::Output;
}

macro_rules! layers {
    ($($layer:ty),+ $(,)?) => {
        $(impl<const D: usize> Layer<Tensor<D>> for $layer {
            type Output = Tensor<D>;

            fn run(&self, input: Tensor<D>) -> Tensor<D> {
                self.forward(input)
            }
        })+
    };
    ($rank:literal: $($layer:ty),+ $(,)?) => {
        $(impl Layer<Tensor<$rank>> for $layer {
            type Output = Tensor<$rank>;

            fn run(&self, input: Tensor<$rank>) -> Tensor<$rank> {
                self.forward(input)
            }
        })+
    };
}

layers!(
    BatchNorm,
    Dropout,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    PRelu,
    PositionWiseFeedForward,
    RmsNorm,
    RotaryEncoding,
    SwiGlu,
);
layers!(3: Conv1d, ConvTranspose1d, PositionalEncoding);
layers!(4: Conv2d, ConvTranspose2d);
layers!(5: Conv3d, ConvTranspose3d);

impl Layer<Tensor<2, Int>> for Embedding {
    type Output = Tensor<3>;

    fn run(&self, input: Tensor<2, Int>) -> Tensor<3> {
        self.forward(input)
    }
}
