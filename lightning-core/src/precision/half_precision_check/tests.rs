//! Which fields are reported, and with which help.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use burn::{
    nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig},
    tensor::Device,
};

use super::*;
use crate::precision::InF32;

#[derive(Module, Debug)]
struct Block {
    linear: Linear,
    norm: BatchNorm,
}

#[derive(Module, Debug)]
struct Net {
    kept: InF32<BatchNorm>,
    plain: Option<BatchNorm>,
    blocks: Vec<Block>,
}

fn net(plain: bool, blocks: usize) -> Net {
    let device = Device::default();
    let norm = || BatchNormConfig::new(2).init(&device);
    let block = |_| Block { linear: LinearConfig::new(2, 2).init(&device), norm: norm() };
    Net { kept: InF32::new(norm()), plain: plain.then(norm), blocks: (0..blocks).map(block).collect() }
}

#[test]
fn what_is_marked_is_fine() {
    check(&net(false, 0)).unwrap();
    // Frozen parameters are not statistics.
    check(&LinearConfig::new(2, 2).init(&Device::default()).freeze()).unwrap();
}

#[test]
fn a_field_is_named_with_what_to_write() {
    let error = check(&net(true, 0)).unwrap_err();
    assert_eq!(error.message(), "running statistics need float32 in a 16-bit run, found `plain`");
    assert_eq!(error.remedy(), Some("write `#[precision(f32)]` above `plain: BatchNorm`, beside its `#[init(…)]`"));
}

#[test]
fn all_of_them_are_listed() {
    let error = check(&net(false, 2)).unwrap_err();
    assert_eq!(
        error.message(),
        "running statistics need float32 in a 16-bit run, found `blocks.0.norm`, `blocks.1.norm`"
    );
    assert_eq!(
        error.remedy(),
        Some("in the struct that has it, make it an `InF32<BatchNorm>`, built with `InF32::new(…)`")
    );
}
