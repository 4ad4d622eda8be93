//! Gradient checkpointing: the same numbers in less memory.

use std::process::Command;

use burn::{
    module::Module,
    nn::*,
    optim::AdamConfig,
    prelude::*,
    tensor::activation::{gelu, relu, tanh},
};
use lightning_core::prelude::*;

use crate::support::{Rows, batches, bits, quiet};

/// A network of everything that joins a graph: parameters, running statistics, a table, a buffer, a
/// frozen layer, dropout.
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 0.01)]
struct Deep {
    #[init(LinearConfig::new(8, 16).init(device))]
    fc1: Linear,
    #[precision(f32)]
    #[init(BatchNormConfig::new(16).init(device))]
    norm: BatchNorm,
    #[init(DropoutConfig::new(0.2).init())]
    dropout: Dropout,
    #[frozen]
    #[init(LinearConfig::new(16, 16).init(device))]
    cold: Linear,
    #[precision(f32)]
    #[init(PositionalEncodingConfig::new(16).init(device))]
    positions: PositionalEncoding,
    #[buffer(Tensor::ones([1, 16], device))]
    shift: Tensor<2>,
    #[init(LinearConfig::new(16, 3).init(device))]
    fc2: Linear,
}

#[lightning_module]
impl Deep {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.norm.forward(gelu(self.fc1.forward(x)));
        let x = relu(self.cold.forward(tanh(x)).exp().log1p()) + self.shift.clone().cast(self.fc1.weight.val().dtype());
        let x = self.positions.forward(x.unsqueeze_dim::<3>(1)).squeeze_dim::<2>(1);
        self.fc2.forward(self.dropout.forward(x))
    }

    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.forward(batch.x), batch.y);
        train_loss
    }

    fn validation_step(&self, batch: Rows) {
        #[log(minimize)]
        let val_loss = cross_entropy(self.forward(batch.x), batch.y);
    }
}

fn run(checkpointing: bool, precision: &str) -> (Vec<u32>, String, Deep) {
    seed_everything(4);
    let mut model = Deep::new(DeepHparams::default());
    let mut trainer = quiet(Deep::trainer())
        .max_epochs(3)
        .precision(precision)
        .gradient_checkpointing(checkpointing)
        .build()
        .unwrap();
    let data =
        (DataLoader::from_batches(batches(&[16; 8], 2)).unwrap(), DataLoader::from_batches(batches(&[16], 3)).unwrap());
    let report = trainer.fit(&mut model, data).unwrap();
    let mut values = Vec::new();
    for tensor in [model.fc1.weight.val(), model.fc2.weight.val(), model.cold.weight.val()] {
        values.extend(bits(&tensor.into_data().try_to_vec::<f32>().unwrap()));
    }
    values.extend(bits(&model.norm.inner().running_var.value_sync().into_data().try_to_vec::<f32>().unwrap()));
    (values, report.metrics.to_string(), model)
}

#[test]
fn the_numbers_are_the_same() {
    for precision in ["32-true", "bf16-mixed"] {
        let (values, metrics, _) = run(false, precision);
        let (checkpointed, metrics_of_it, model) = run(true, precision);
        assert_eq!(checkpointed, values, "{precision}");
        assert_eq!(metrics_of_it, metrics, "{precision}");
        // It comes back as every fitted model does, and trains in a loop without the setting.
        assert!(!model.fc1.weight.val().is_autodiff());
        let loss = model.train().fc1.forward(Tensor::<2>::ones([1, 8], &Device::default().autodiff())).sum();
        loss.backward();
    }
}

/// The peak of a process that trains on a long chain of cheap operations.
fn peak(mode: &str) -> f64 {
    let output = Command::new(env!("CARGO_BIN_EXE_activations")).arg(mode).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.trim().parse().unwrap()
}

#[test]
fn activations_take_less_memory() {
    let (kept, computed_again) = (peak("kept"), peak("computed-again"));
    assert!(computed_again < 0.7 * kept, "{computed_again} MiB, and {kept} MiB without");
}
