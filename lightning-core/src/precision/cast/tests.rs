//! Gradients, running statistics and leaves after each cast.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use burn::{
    nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig},
    tensor::{Device, Distribution},
};

use super::*;
use crate::precision::InF32;

#[derive(Module, Debug)]
struct Net {
    linear: Linear,
    norm: InF32<BatchNorm>,
}

fn net() -> Net {
    let device = Device::default();
    Net { linear: LinearConfig::new(3, 4).init(&device), norm: InF32::new(BatchNormConfig::new(4).init(&device)) }
}

fn input() -> Tensor<2> {
    Tensor::random([8, 3], Distribution::Default, &Device::default().autodiff())
}

impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.norm.forward(self.linear.forward(x))
    }
}

#[test]
fn gradients_arrive_at_the_module_in_its_own_type() {
    let net = net().train();
    let low = lowered(&net, FloatDType::BF16, RunningStatistics::Shared);
    assert_eq!(low.linear.weight.val().dtype(), DType::BF16);
    assert_eq!(low.norm.inner().gamma.val().dtype(), DType::F32);
    let out = low.forward(input().cast(FloatDType::BF16));
    assert_eq!(out.dtype(), DType::BF16);
    let grads = out.powi_scalar(2).cast(FloatDType::F32).sum().backward();
    for dtype in [
        net.linear.weight.val().grad(&grads).unwrap().dtype(),
        net.linear.bias.as_ref().unwrap().val().grad(&grads).unwrap().dtype(),
        net.norm.inner().gamma.val().grad(&grads).unwrap().dtype(),
    ] {
        assert_eq!(dtype, DType::F32);
    }
}

/// Burn's `map` writes through the storage that clones share: a cast copy must not turn the
/// module's statistics into 16 bits, and must update them from the batch.
#[test]
fn a_copy_updates_the_statistics_of_the_module_in_float32() {
    let net = net().train();
    let before = net.norm.inner().running_mean.value_sync().into_data();
    let low = lowered(&net, FloatDType::F16, RunningStatistics::Shared);
    low.forward(input().cast(FloatDType::F16));
    let after = net.norm.inner().running_mean.value_sync();
    assert_eq!(after.dtype(), DType::F32);
    assert_ne!(after.into_data(), before);
}

#[test]
fn a_copy_with_copied_statistics_leaves_those_of_the_module_alone() {
    let net = net().valid();
    let plain = BatchNormConfig::new(4).init(&Device::default()).valid();
    let low = lowered(&plain, FloatDType::F16, RunningStatistics::Copied);
    assert_eq!(low.running_mean.value().dtype(), DType::F16);
    assert_eq!(plain.running_mean.value().dtype(), DType::F32);
    let low = lowered(&net, FloatDType::F16, RunningStatistics::Copied);
    assert_eq!(low.norm.inner().running_mean.value().dtype(), DType::F32);
}

#[test]
fn kept_parameters_are_leaves() {
    let net = kept_in(net().train(), FloatDType::F16);
    assert_eq!(net.linear.weight.val().dtype(), DType::F16);
    assert_eq!(net.norm.inner().gamma.val().dtype(), DType::F32);
    let out = net.forward(input().cast(FloatDType::F16));
    assert_eq!(out.dtype(), DType::F16);
    let grads = out.powi_scalar(2).sum().backward();
    assert_eq!(net.linear.weight.val().grad(&grads).unwrap().dtype(), DType::F16);
    // In a type of more than 16 bits, an `InF32` has no effect.
    let net = kept_in(net.train(), FloatDType::F64);
    assert_eq!(net.norm.inner().gamma.val().dtype(), DType::F64);
    let out = net.forward(input().cast(FloatDType::F64));
    assert_eq!(out.dtype(), DType::F64);
}
