//! Another language opens a checkpoint.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use burn::{nn::*, optim::AdamConfig, prelude::*, tensor::activation::relu};
use lightning_core::prelude::*;
use lightning_examples::data::mnist::mnist;

use crate::{foreign, support::quiet};

#[derive(Batch, Clone, Debug)]
struct Images {
    images: Tensor<2>,
    labels: Tensor<1, Int>,
}

#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-3)]
struct Classifier {
    #[init(LinearConfig::new(784, 64).init(device))]
    fc1: Linear,
    #[init(BatchNormConfig::new(64).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(64, 10).with_layout(LinearLayout::Col).init(device))]
    fc2: Linear,
    #[buffer(Tensor::from_data([true, false, true], device))]
    mask: Tensor<1, Bool>,
}

#[lightning_module]
impl Classifier {
    fn training_step(&self, batch: Images) -> Tensor<1> {
        let logits = self.fc2.forward(relu(self.norm.forward(self.fc1.forward(batch.images))));
        #[log(minimize)]
        let train_loss = cross_entropy(logits, batch.labels);
        train_loss
    }
}

fn bits<const D: usize>(tensor: Tensor<D>) -> Vec<u32> {
    tensor.into_data().iter::<f32>().map(f32::to_bits).collect()
}

/// Every tensor of a model trained on real images, as Rust has it, and as Python's `safetensors`
/// reads it.
#[test]
fn python_reads_every_tensor() {
    let python = foreign::any_python();
    let has = Command::new(&python).args(["-c", "import safetensors.numpy"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        let python = python.display();
        eprintln!(
            "SKIPPED python_reads_every_tensor: {python} has no `safetensors`; name another in the variable PYTHON"
        );
        return;
    }
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/mnist");
    if !images.is_dir() {
        eprintln!("SKIPPED python_reads_every_tensor: {} is not there", images.display());
        return;
    }
    let part = mnist(&images).unwrap().train;
    let device = Device::default();
    let batch = |at: usize| {
        let pixels =
            part.images.iter().skip(at).take(64).flatten().map(|pixel| f32::from(*pixel) / 255.0).collect::<Vec<_>>();
        let labels: Vec<i32> = part.labels[at..at + 64].iter().map(|label| i32::from(*label)).collect();
        Images {
            images: Tensor::from_data(TensorData::new(pixels, [64, 784]), &device),
            labels: Tensor::from_data(TensorData::new(labels, [64]), &device),
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mnist.ckpt");
    seed_everything(1);
    let mut model = Classifier::new(ClassifierHparams::default());
    let mut trainer = quiet(Classifier::trainer()).max_epochs(1).build().unwrap();
    trainer.fit(&mut model, (0..30).map(|at| batch(at * 64)).collect::<Vec<_>>()).unwrap();
    trainer.save_checkpoint(&model, &path).unwrap();

    let Classifier { fc1, norm, fc2, .. } = &model;
    let bias = |linear: &Linear| bits(linear.bias.as_ref().unwrap().val());
    let values: BTreeMap<&str, Vec<u32>> = BTreeMap::from([
        ("model.fc1.weight", bits(fc1.weight.val())),
        ("model.fc1.bias", bias(fc1)),
        ("model.norm.gamma", bits(norm.gamma.val())),
        ("model.norm.beta", bits(norm.beta.val())),
        ("model.norm.running_mean", bits(norm.running_mean.value_sync())),
        ("model.norm.running_var", bits(norm.running_var.value_sync())),
        ("model.fc2.weight", bits(fc2.weight.val())),
        ("model.fc2.bias", bias(fc2)),
        ("model.mask", vec![1, 0, 1]),
    ]);
    let json = folder.path().join("values.json");
    fs::write(&json, serde_json::to_string(&values).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/compare_checkpoint.py");
    let output = Command::new(python).arg(script).arg(&path).arg(&json).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "9 tensors are equal, bit by bit");
}
