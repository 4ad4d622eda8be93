//! Burn's layers of one input, as an `InF32` runs them.

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

/// A module with a `forward` of one input: what [`InF32::forward`](crate::precision::InF32::forward) calls. Burn's layers have it; implement it for a
/// module of your own, or use [`InF32::call`](crate::precision::InF32::call).
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `forward` of one input of type `{I}` here",
    label = "not known how to run this layer in float32",
    note = "write `self.field.call(input, |layer, input| layer.forward(input))`, or implement `lightning_core::Layer` for it"
)]
pub trait Layer<I> {
    /// What it gives.
    type Output: Batch;

    /// Runs it.
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
