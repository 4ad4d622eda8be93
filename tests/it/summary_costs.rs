//! `trainer.summary`: shapes, parameters and multiply-adds of the layers.

use burn::{
    nn::{
        conv::{Conv2d, Conv2dConfig},
        pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig},
        *,
    },
    optim::{AdamConfig, SgdConfig},
    prelude::*,
    tensor::activation::relu,
};
use lightning_core::prelude::*;

use crate::{
    onnx_models::{Block, Cnn, Gpt},
    onnx_support::{floats, ints, values},
};

/// What PyTorch's `FlopCounterMode` counts for one sample: model and FLOPs.
///
/// Measured with PyTorch 2.15; ResNet-18 at 224 pixels. It has 11,689,512 parameters there.
const FLOPS: [(&str, u64); 3] = [("cnn", 561_728), ("gpt", 264_320), ("resnet18", 3_628_146_688)];

fn flops(model: &str) -> u64 {
    FLOPS.iter().find(|(name, _)| *name == model).map(|(_, flops)| *flops).unwrap()
}

#[derive(Module, Debug)]
struct ResNet18 {
    stem: Conv2d,
    norm: BatchNorm,
    pool: MaxPool2d,
    blocks: Vec<Block>,
    mean: AdaptiveAvgPool2d,
    head: Linear,
}

impl ResNet18 {
    fn new(device: &Device) -> Self {
        let padded = |pad| PaddingConfig2d::Explicit(pad, pad, pad, pad);
        let stages = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)];
        let blocks = stages
            .iter()
            .flat_map(|(from, to, stride)| [Block::new(*from, *to, *stride, device), Block::new(*to, *to, 1, device)]);
        let stem = Conv2dConfig::new([3, 64], [7, 7]).with_stride([2, 2]).with_padding(padded(3)).with_bias(false);
        Self {
            stem: stem.init(device),
            norm: BatchNormConfig::new(64).init(device),
            pool: MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).with_padding(padded(1)).init(),
            blocks: blocks.collect(),
            mean: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            head: LinearConfig::new(512, 1000).init(device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.pool.forward(relu(self.norm.forward(self.stem.forward(x))));
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        self.head.forward(self.mean.forward(x).flatten::<2>(1, 3))
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
pub struct Models {
    #[init(Cnn::new(device))]
    cnn: Cnn,
    #[init(Gpt::new(device))]
    gpt: Gpt,
    #[frozen]
    #[init(ResNet18::new(device))]
    resnet: ResNet18,
}

#[lightning_module]
impl Models {
    /// One of the three, by which tensor is there.
    fn forward(
        &self,
        digits: Option<Tensor<4>>,
        tokens: Option<Tensor<2, Int>>,
        photos: Option<Tensor<4>>,
    ) -> (Vec<Tensor<2>>, Vec<Tensor<3>>) {
        let digits = digits.map(|x| self.cnn.forward(x));
        let photos = photos.map(|x| self.resnet.forward(x));
        (digits.into_iter().chain(photos).collect(), tokens.map(|x| self.gpt.forward(x, None)).into_iter().collect())
    }
    fn training_step(&self, batch: Inputs) -> Tensor<1> {
        self.forward(batch.digits, None, None).0.swap_remove(0).mean()
    }
}

#[derive(Batch, Clone, Debug)]
pub struct Inputs {
    digits: Option<Tensor<4>>,
    tokens: Option<Tensor<2, Int>>,
    photos: Option<Tensor<4>>,
}

#[test]
fn multiply_adds_are_those_of_pytorch() {
    let model = Models::new(ModelsHparams {});
    let trainer = Models::trainer().no_logger().build().unwrap();
    let none = || Inputs { digits: None, tokens: None, photos: None };
    for (name, batch) in [
        ("cnn", Inputs { digits: Some(floats([1, 1, 28, 28])), ..none() }),
        ("gpt", Inputs { tokens: Some(ints([1, 7], 50)), ..none() }),
        ("resnet18", Inputs { photos: Some(floats([1, 3, 224, 224])), ..none() }),
    ] {
        let summary = trainer.summary(&model, &batch).unwrap();
        assert_eq!(2 * summary.total.multiply_adds, flops(name), "{name}\n{summary}");
    }
}

#[test]
fn the_layers_have_their_shapes_and_costs() {
    let model = Models::new(ModelsHparams {});
    let before = values(&model);
    let trainer = Models::trainer().no_logger().build().unwrap();
    let batch = Inputs { digits: Some(floats([5, 1, 28, 28])), tokens: None, photos: None };
    let summary = trainer.summary(&model, &batch).unwrap();
    let layer = |path: &str| summary.layer(path).unwrap_or_else(|| panic!("{path}: {summary}"));
    let conv = layer("cnn.conv1");
    assert_eq!((conv.input.as_slice(), conv.output.as_slice()), ([5, 1, 28, 28].as_slice(), [5, 8, 26, 26].as_slice()));
    // 5 · 8 · 26 · 26 values, each of 9 products; 4 bytes each.
    assert_eq!((conv.multiply_adds, conv.activation_bytes), (243_360, 5 * 8 * 26 * 26 * 4));
    assert_eq!((conv.params, conv.trainable, conv.type_name.as_str()), (8 * 9 + 8, 8 * 9 + 8, "Conv2d"));
    // Scale and shift are trained, and the two running statistics are not.
    assert_eq!((layer("cnn.norm1").params, layer("cnn.norm1").trainable), (32, 16));
    assert_eq!(layer("cnn").params, layer("cnn").trainable + 2 * (8 + 16));
    assert_eq!(layer("resnet").trainable, 0);
    assert!(layer("gpt").output.is_empty(), "the step does not use it");
    assert_eq!(summary.total.output, [5, 10]);
    let text = summary.clone().depth(2).to_string();
    assert!(text.contains("cnn.conv1") && text.contains("[5, 8, 26, 26]") && text.contains("243 K"), "{text}");
    assert!(!summary.to_string().contains("cnn.conv1"), "{summary}");
    assert_eq!(before, values(&model));
}

/// Adam keeps two numbers for each parameter that it trains.
#[test]
fn the_state_of_the_optimizer_counts_after_a_fit() {
    #[lightning_module]
    #[optimizer(AdamConfig::new(), lr = 0.1)]
    struct Pair {
        #[frozen]
        #[init(LinearConfig::new(4, 8).init(device))]
        first: Linear,
        #[init(LinearConfig::new(8, 3).init(device))]
        second: Linear,
    }
    #[lightning_module]
    impl Pair {
        fn forward(&self, x: Tensor<2>) -> Tensor<2> {
            self.second.forward(self.first.forward(x))
        }
        fn training_step(&self, x: Tensor<2>) -> Tensor<1> {
            self.forward(x).mean()
        }
    }
    let mut model = Pair::new(PairHparams {});
    let mut trainer = Pair::trainer().max_steps(1).no_logger().enable_checkpointing(false).build().unwrap();
    let batch = floats([2, 4]);
    assert_eq!(trainer.summary(&model, &batch).unwrap().optimizer_bytes, None);
    trainer.fit(&mut model, vec![batch.clone()]).unwrap();
    let summary = trainer.summary(&model, &batch).unwrap();
    // Of 4 · 8 + 8 and 8 · 3 + 3 parameters the second are trained; 2 · 8 + 2 · 3 results; four bytes each.
    let expected = [67 * 4, 27 * 4, 2 * 27 * 4, 22 * 4];
    let total = &summary.total;
    let found = [total.param_bytes, total.gradient_bytes, summary.optimizer_bytes.unwrap(), total.activation_bytes];
    assert_eq!(found, expected, "{summary}");
    assert_eq!(summary.step_bytes(), expected.iter().sum::<u64>());
}

/// No weight is copied: a copy of ten million would be forty megabytes. The time is only printed.
#[test]
fn a_recording_takes_less_than_a_megabyte() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_capture_cost")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    print!("{text}");
    let number = |name: &str| -> f64 {
        let rest = text.split_once(name).unwrap_or_else(|| panic!("{name}: {text}")).1;
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    assert!(number("parameters ") > 9.5e6, "{text}");
    assert_eq!(number("less than "), 1e6, "{text}");
}
