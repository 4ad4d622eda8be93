//! Mixed precision against PyTorch's autocast on the CPU: `tests/reference/autocast.py`.

use std::collections::BTreeMap;

use burn::{
    module::{Module, Param},
    nn::*,
    optim::SgdConfig,
    prelude::*,
    tensor::activation::relu,
};
use lightning_core::{loggers::MemoryLogger, prelude::*};
use serde::Deserialize;

use crate::support::{Rows, quiet};

#[derive(Deserialize)]
struct Reference {
    rate: f64,
    x: Vec<f32>,
    y: Vec<i32>,
    weights: [Vec<f32>; 4],
    #[serde(flatten)]
    losses: BTreeMap<String, serde_json::Value>,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
struct Small {
    #[init(LinearConfig::new(8, 16).init(device))]
    fc1: Linear,
    #[init(LinearConfig::new(16, 3).init(device))]
    fc2: Linear,
    #[hparam]
    lr: f64,
}

#[lightning_module]
impl Small {
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize, on_step)]
        let train_loss = cross_entropy(self.fc2.forward(relu(self.fc1.forward(batch.x))), batch.y);
        train_loss
    }
}

fn linear(weight: &[f32], bias: &[f32]) -> Linear {
    let device = Device::default();
    let (rows, columns) = (weight.len() / bias.len(), bias.len());
    let mut linear = LinearConfig::new(rows, columns).init(&device);
    linear.weight = Param::from_data(TensorData::new(weight.to_vec(), [rows, columns]), &device);
    linear.bias = Some(Param::from_data(TensorData::new(bias.to_vec(), [columns]), &device));
    linear.valid()
}

#[test]
fn losses_are_those_of_torch_to_the_bits_of_the_type() {
    let reference: Reference = serde_json::from_str(include_str!("../reference/autocast.json")).unwrap();
    let losses = |name: &str| -> Vec<f64> { serde_json::from_value(reference.losses[name].clone()).unwrap() };
    let device = Device::default();
    let batch = Rows {
        x: Tensor::from_data(TensorData::new(reference.x.clone(), [64, 8]), &device),
        y: Tensor::from_data(TensorData::new(reference.y.clone(), [64]), &device),
    };
    let full = losses("32-true");
    // Kernels round at other places than torch's. An operation errs by half a unit in the last
    // place, 2^-9 and 2^-12; a loss comes of a dozen operations, of weights that errors of earlier
    // steps have reached: 16 of them.
    for (precision, tolerance) in [("32-true", 1e-5), ("bf16-mixed", 16.0 / 512.0), ("16-mixed", 16.0 / 4096.0)] {
        let expected = losses(precision);
        let [w1, b1, w2, b2] = &reference.weights;
        let mut model = Small::new(SmallHparams::new(reference.rate));
        (model.fc1, model.fc2) = (linear(w1, b1), linear(w2, b2));
        let memory = MemoryLogger::new();
        let mut trainer = quiet(Small::trainer())
            .max_epochs(1)
            .log_every_n_steps(1)
            .precision(precision)
            .logger(memory.clone())
            .build()
            .unwrap();
        let report = trainer.fit(&mut model, vec![batch.clone(); expected.len()]).unwrap();
        assert_eq!(report.skipped_steps, 0);
        let found: Vec<f64> = memory.values("train_loss");
        assert_eq!(found.len(), expected.len());
        for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let error = (found - expected).abs() / expected;
            assert!(error < tolerance, "{precision}, step {step}: {found}, torch has {expected}");
        }
        assert!(found[39] < 0.5 * found[0]);
        let apart = found.iter().zip(&full).any(|(found, full)| (found - full).abs() > 1e-5 * full);
        assert_eq!(apart, precision != "32-true", "{precision} is computed in another type than float32");
    }
}
