//! Fine-tuning: PyTorch's weights in a frozen part that is trained from some epoch on, with a rate
//! of its own.
#![deny(warnings)]

use std::path::{Path, PathBuf};

use burn::{nn::*, optim::AdamWConfig, prelude::*, tensor::activation::relu};
use lightning_core::{Weights, prelude::*};

use super::{fashion::ImageBatch, quick};

/// Two convolutions whose result is added to what they were given.
#[derive(Module, Debug)]
pub struct BasicBlock {
    conv1: conv::Conv2d,
    bn1: BatchNorm,
    conv2: conv::Conv2d,
    bn2: BatchNorm,
}

impl BasicBlock {
    fn new(width: usize, device: &Device) -> Self {
        let (conv, norm) = (convolution(width, width), BatchNormConfig::new(width));
        Self { conv1: conv.init(device), bn1: norm.init(device), conv2: conv.init(device), bn2: norm.init(device) }
    }
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let inner = relu(self.bn1.forward(self.conv1.forward(x.clone())));
        relu(self.bn2.forward(self.conv2.forward(inner)) + x)
    }
}

/// A residual network without its classifier, its fields named as torchvision names them.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: conv::Conv2d,
    bn1: BatchNorm,
    layer1: Vec<BasicBlock>,
}

impl ResNet {
    fn tiny(device: &Device) -> Self {
        Self {
            conv1: convolution(1, 4).init(device),
            bn1: BatchNormConfig::new(4).init(device),
            layer1: (0..2).map(|_| BasicBlock::new(4, device)).collect(),
        }
    }
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = relu(self.bn1.forward(self.conv1.forward(x)));
        let x = self.layer1.iter().fold(x, |x, block| block.forward(x));
        let [batch, channels, _, _] = x.dims();
        x.mean_dim(3).mean_dim(2).reshape([batch, channels])
    }
}

fn convolution(from: usize, to: usize) -> conv::Conv2dConfig {
    conv::Conv2dConfig::new([from, to], [3, 3]).with_padding(PaddingConfig2d::Same).with_bias(false)
}

#[lightning_module]
#[optimizer(AdamWConfig::new(), lr = lr, group(backbone, lr = lr * 0.1))]
pub struct FineTune {
    #[frozen]
    #[init(ResNet::tiny(device))]
    backbone: ResNet,
    #[init(LinearConfig::new(4, classes).init(device))]
    head: Linear,
    #[hparam(default = 10)]
    classes: usize,
    #[hparam(default = 1e-3)]
    lr: f64,
}

#[lightning_module]
impl FineTune {
    fn training_step(&self, batch: ImageBatch) -> Tensor<1> {
        cross_entropy(self.head.forward(self.backbone.forward(batch.images)), batch.targets)
    }
    fn validation_step(&self, batch: ImageBatch) {
        #[log(maximize, prog_bar)]
        let val_acc = accuracy(&self.head.forward(self.backbone.forward(batch.images)), &batch.targets);
    }
    fn on_train_epoch_start(&mut self, cx: &mut HookContext) {
        if cx.current_epoch() == 3 {
            self.unfreeze(Self::BACKBONE);
        }
    }
}

/// A file of `reference/torch_resnet.py`.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What PyTorch's network makes of the 72 numbers from -1 to 1.
fn features() -> Vec<f32> {
    let answers = std::fs::read_to_string(file("reference/torch_resnet.json")).unwrap();
    let answers: serde_json::Value = serde_json::from_str(&answers).unwrap();
    answers["features"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

fn trainable(model: &ResNet) -> bool {
    model.conv1.weight.is_require_grad()
}

#[test]
fn runs() -> Result<()> {
    let device = Device::default();
    let mut model = FineTune::new(FineTuneHparams::default());
    let weights = Weights::pytorch(file("data/torch_resnet.pth")).at(FineTune::BACKBONE).skip("fc.*");
    let applied = model.load_weights(weights)?;
    println!("{applied}");
    assert_eq!((applied.applied.len(), applied.skipped.len(), applied.missing.len()), (25, 2, 0), "{applied}");
    let pixels: Vec<f32> = (0..72).map(|at| -1.0 + 2.0 * at as f32 / 71.0).collect();
    let pixels = Tensor::<4>::from_data(TensorData::new(pixels, [2, 1, 6, 6]), &device);
    let found: Vec<f32> = model.backbone.forward(pixels.clone()).into_data().try_to_vec()?;
    assert!(found.iter().zip(features()).all(|(found, expected)| (found - expected).abs() < 1e-5), "{found:?}");

    let batch = ImageBatch { images: pixels, targets: Tensor::from_data([1, 2], &device) };
    let data = DataLoader::from_batches(vec![batch; 2])?;
    let before = model.backbone.conv1.weight.to_data();
    let mut trainer = quick(FineTune::trainer()).max_epochs(3).build()?;
    trainer.fit(&mut model, (data.clone(), data.clone()))?;
    assert_eq!(model.backbone.conv1.weight.to_data(), before, "frozen");
    let mut trainer = quick(FineTune::trainer()).max_epochs(4).build()?;
    trainer.fit(&mut model, (data.clone(), data))?;
    assert_ne!(model.backbone.conv1.weight.to_data(), before, "trained from the fourth epoch on");
    Ok(())
}

/// Of an owned module both give it back, as Burn's own do.
#[test]
fn freezing_an_owned_module() {
    let model = FineTune::new_on(FineTuneHparams::default(), &Device::default().autodiff());
    assert!(!trainable(&model.backbone) && model.head.weight.is_require_grad());
    let model = model.unfreeze(FineTune::BACKBONE);
    assert!(trainable(&model.backbone));
    let model = model.freeze(FineTune::BACKBONE);
    assert!(!trainable(&model.backbone) && model.head.weight.is_require_grad());
}
