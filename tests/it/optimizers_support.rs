//! Torch's numbers for the tests of optimizers, and the network that they train.

use std::collections::HashMap;

use burn::{nn::*, prelude::*, serde::Deserialize, tensor::DType};
use lightning_core::prelude::*;

use crate::support::Rows;

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
struct Row {
    x: Vec<f64>,
    y: Vec<i32>,
}

pub type Parameters = HashMap<String, Vec<f64>>;

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
pub struct Reference {
    start: Parameters,
    batches: Vec<Row>,
    pub adamw_groups: Parameters,
    pub adamw_groups_of_short_memory: Parameters,
    pub weighted_accumulation: Parameters,
    pub clipped_accumulation: Parameters,
    pub two_optimizers: Parameters,
    pub cosine_by_step: Parameters,
}

impl Reference {
    pub fn rates(&self) -> &[f64] {
        &self.cosine_by_step["rates"]
    }
}

pub fn reference() -> Reference {
    serde_json::from_str(include_str!("../reference/optimization.json")).unwrap()
}

/// Torch's batches.
pub fn loader(double: bool) -> DataLoader<Rows> {
    let device = Device::default();
    let rows = reference().batches.into_iter().map(|Row { x, y }| {
        let n = y.len();
        Rows {
            x: Tensor::from_data(TensorData::new(x, [n, 8]), (&device, dtype(double))),
            y: Tensor::from_data(TensorData::new(y, [n]), &device),
        }
    });
    DataLoader::from_batches(rows.collect()).unwrap()
}

fn dtype(double: bool) -> DType {
    if double { DType::F64 } else { DType::F32 }
}

/// A linear layer with torch's `[out, in]` weights.
pub fn linear(name: &str, inputs: usize, outputs: usize, double: bool, device: &Device) -> Linear {
    let start = reference().start;
    let options = || (device, dtype(double));
    let mut layer = LinearConfig::new(inputs, outputs).init(device);
    let weight = TensorData::new(start[&format!("{name}.weight")].clone(), [outputs, inputs]);
    layer.weight = layer.weight.map(|_| Tensor::<2>::from_data(weight, options()).transpose());
    let bias = TensorData::new(start[&format!("{name}.bias")].clone(), [outputs]);
    layer.bias = layer.bias.map(|bias_param| bias_param.map(|_| Tensor::from_data(bias, options())));
    layer
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

pub fn doubles<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

pub fn values(layer: &Linear) -> Vec<f32> {
    let mut all = floats(layer.weight.val());
    all.extend(floats(layer.bias.as_ref().unwrap().val()));
    all
}

/// Torch's numbers are those of float64. In float32, up to 48 steps of rounding show: torch's own
/// float32 is up to 9e-7 off here.
pub fn assert_close(what: &str, double: bool, body: &Linear, head: &Linear, expected: &Parameters) {
    // Burn's Adam takes its bias corrections, 1 - βᵗ, in float32 whatever the parameters are, and
    // so does the fused one.
    let is_adam = matches!(what, "groups" | "pair" | "clipping");
    let bound = if double && !is_adam { 1e-6 } else { 1e-5 };
    for (name, layer) in [("body", body), ("head", head)] {
        let weight = layer.weight.val().transpose();
        let bias = layer.bias.as_ref().unwrap().val();
        assert_eq!((weight.dtype(), bias.dtype()), (dtype(double), dtype(double)));
        for (part, ours) in [("weight", doubles(weight)), ("bias", doubles(bias))] {
            let theirs = &expected[&format!("{name}.{part}")];
            assert_eq!(ours.len(), theirs.len());
            for (ours, theirs) in ours.iter().zip(theirs) {
                let error = (ours - theirs).abs() / theirs.abs().max(0.1);
                assert!(error < bound, "{what}: {name}.{part} is {ours}, torch has {theirs}");
            }
        }
    }
}

macro_rules! network {
    ($(#[$attr:meta])* $name:ident { $($step:tt)* }) => {
        #[lightning_module]
        $(#[$attr])*
        struct $name {
            #[init(linear("body", 8, 6, double, device))]
            body: Linear,
            #[init(linear("head", 6, 3, double, device))]
            head: Linear,
            /// Everything in float64.
            #[hparam(default = false)]
            double: bool,
        }

        #[lightning_module]
        impl $name {
            fn forward(&self, x: Tensor<2>) -> Tensor<2> {
                self.head.forward(tanh(self.body.forward(x)))
            }

            $($step)*
        }
    };
}

pub(crate) use network;
