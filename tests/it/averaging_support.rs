//! Torch's numbers for the tests of averages and pruning, and the network that they train.

use std::{collections::HashMap, fs, path::Path};

use burn::{nn::*, optim::SgdConfig, prelude::*, serde::Deserialize, tensor::activation::tanh};
use lightning_core::{FitReport, prelude::*, trainer::TrainerBuilder};

use crate::support::{Rows, quiet};

pub type Values = HashMap<String, Vec<f32>>;

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
struct Row {
    x: Vec<f32>,
    y: Vec<i32>,
}

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
pub struct Averaged {
    pub n_averaged: u64,
    pub average: Values,
    pub training: Values,
    pub loss: f64,
}

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
pub struct Swa {
    pub n_averaged: u64,
    pub rates: Vec<f64>,
    #[serde(rename = "final")]
    pub last: Values,
    pub step_count: u64,
}

#[derive(Deserialize)]
#[serde(crate = "burn::serde")]
pub struct Reference {
    start: Values,
    batches: Vec<Row>,
    pub ema: Averaged,
    pub ema_every_4_from_3: Averaged,
    pub mean: Averaged,
    pub mean_of_epochs: Averaged,
    pub swa_cosine: Swa,
    pub swa_linear: Swa,
    pub swa_at_once: Swa,
    pub pruned_globally: HashMap<String, Vec<u8>>,
    pub pruned_each: HashMap<String, Vec<u8>>,
    pub trained_pruned: Values,
}

pub fn reference() -> Reference {
    serde_json::from_str(include_str!("../reference/averaging.json")).unwrap()
}

/// Torch's batches.
pub fn loader() -> DataLoader<Rows> {
    let device = Device::default();
    let rows = reference().batches.into_iter().map(|Row { x, y }| {
        let n = y.len();
        Rows {
            x: Tensor::from_data(TensorData::new(x, [n, 8]), &device),
            y: Tensor::from_data(TensorData::new(y, [n]), &device),
        }
    });
    DataLoader::from_batches(rows.collect()).unwrap()
}

/// A linear layer with torch's `[out, in]` weights of the start.
pub fn linear(name: &str, inputs: usize, outputs: usize, device: &Device) -> Linear {
    let start = reference().start;
    let mut layer = LinearConfig::new(inputs, outputs).init(device);
    let weight = TensorData::new(start[&format!("{name}.weight")].clone(), [outputs, inputs]);
    layer.weight = layer.weight.map(|_| Tensor::<2>::from_data(weight, device).transpose());
    let bias = TensorData::new(start[&format!("{name}.bias")].clone(), [outputs]);
    layer.bias = layer.bias.map(|param| param.map(|_| Tensor::from_data(bias, device)));
    layer
}

pub fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Torch's network.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
pub struct Normed {
    #[init(linear("body", 8, 6, device))]
    pub body: Linear,
    #[init(BatchNormConfig::new(6).init(device))]
    pub norm: BatchNorm,
    #[init(linear("head", 6, 3, device))]
    pub head: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
    #[state]
    pub seen: Vec<f64>,
}

#[lightning_module]
impl Normed {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.head.forward(tanh(self.norm.forward(self.body.forward(x))))
    }
    fn training_step(&self, batch: Rows) -> Tensor<1> {
        #[log(minimize, on_step, on_epoch)]
        let train_loss = cross_entropy(self.forward(batch.x), batch.y);
        train_loss
    }
    fn validation_step(&self, batch: Rows) {
        #[log(minimize)]
        let val_loss = cross_entropy(self.forward(batch.x), batch.y);
    }
    fn on_validation_epoch_end(&mut self) {
        self.seen.push(f64::from(floats(self.head.weight.val())[0]));
    }
}

impl Normed {
    /// By torch's names and in torch's order.
    pub fn values(&self) -> Values {
        let bias = |layer: &Linear| floats(layer.bias.as_ref().unwrap().val());
        let rows = [
            ("body.weight", floats(self.body.weight.val().transpose())),
            ("body.bias", bias(&self.body)),
            ("head.weight", floats(self.head.weight.val().transpose())),
            ("head.bias", bias(&self.head)),
            ("norm.weight", floats(self.norm.gamma.val())),
            ("norm.bias", floats(self.norm.beta.val())),
            ("norm.running_mean", floats(self.norm.running_mean.value_sync())),
            ("norm.running_var", floats(self.norm.running_var.value_sync())),
        ];
        rows.into_iter().map(|(name, values)| (name.to_owned(), values)).collect()
    }

    pub fn assert_close(&self, what: &str, expected: &Values) {
        let ours = self.values();
        assert!(expected.keys().all(|name| ours.contains_key(name)) && expected.len() > 3, "{:?}", expected.keys());
        for (name, theirs) in expected {
            for (ours, theirs) in ours[name].iter().zip(theirs) {
                let error = (ours - theirs).abs() / theirs.abs().max(0.1);
                assert!(error < 2e-5, "{what}: {name} is {ours}, torch has {theirs}");
            }
        }
    }
}

/// Five epochs of windows of two batches, validated on the same batches.
pub fn fit(trainer: TrainerBuilder<Normed>) -> (Normed, FitReport<Normed>) {
    seed_everything(1);
    let mut model = Normed::new(NormedHparams::default());
    let builder = quiet(trainer).max_epochs(5).accumulate_grad_batches(2);
    let report = builder.build().unwrap().fit(&mut model, (loader(), loader())).unwrap();
    (model, report)
}

/// The weights in training, as a checkpoint has them beside the average.
pub fn beside(path: &Path) -> Values {
    let bytes = fs::read(path).unwrap();
    let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| -> Vec<f32> {
        let view = read.tensor(name).unwrap();
        view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    let names = ["body.bias", "head.bias", "norm.running_mean", "norm.running_var"];
    let mut values: Values = names.map(|name| (name.to_owned(), floats(&format!("training.{name}")))).into();
    for (name, torch) in [("gamma", "weight"), ("beta", "bias")] {
        values.insert(format!("norm.{torch}"), floats(&format!("training.norm.{name}")));
    }
    values
}
