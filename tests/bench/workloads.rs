//! The models that are timed, in plain Burn, for the hand-written loop, burn-train and the trainer.

use burn::{
    module::ModuleDisplay,
    nn::{
        BatchNorm, BatchNormConfig, Embedding, EmbeddingConfig, Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
        loss::CrossEntropyLossConfig,
        pool::{MaxPool2d, MaxPool2dConfig},
        transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput},
    },
    optim::{AdamConfig, AdamWConfig, ModuleOptimizer},
    prelude::*,
    tensor::{Distribution, activation::relu},
};

/// The learning rate of every workload.
pub const LR: f64 = 1e-3;

/// The number of different batches of a workload. An epoch repeats them.
const BATCHES: usize = 32;

/// A model with its data.
pub trait Workload: Module + ModuleDisplay + 'static {
    /// The input of a step.
    type Batch: Clone + Send + Sync + std::fmt::Debug + 'static;
    /// The name on the command line and in the tables.
    const NAME: &'static str;
    /// Steps per epoch, for a few seconds of training.
    const STEPS: usize;
    /// Creates a new model.
    fn build(device: &Device) -> Self;
    /// Computes the loss of a batch.
    fn loss(&self, batch: Self::Batch) -> Tensor<1>;
    /// Creates batches of random data.
    fn batches(device: &Device) -> Vec<Self::Batch>;
    /// Creates Burn's optimizer.
    fn optimizer() -> ModuleOptimizer;
}

/// Inputs and classes.
pub type Classified<const D: usize> = (Tensor<D>, Tensor<1, Int>);

fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let device = logits.device();
    CrossEntropyLossConfig::new().init(&device).forward(logits, targets)
}

fn classes(batch: usize, classes: usize, device: &Device) -> Tensor<1, Int> {
    Tensor::<1>::random([batch], Distribution::Uniform(0.0, classes as f64), device).int()
}

fn rows(device: &Device) -> Vec<Classified<2>> {
    let row = || (Tensor::random([64, 784], Distribution::Default, device), classes(64, 10, device));
    (0..BATCHES).map(|_| row()).collect()
}

/// 784-128-64-10, batches of 64, Adam.
#[derive(Module, Debug)]
pub struct Mlp {
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
}

impl Workload for Mlp {
    type Batch = Classified<2>;
    const NAME: &'static str = "mlp";
    const STEPS: usize = 2000;

    fn build(device: &Device) -> Self {
        Self {
            fc1: LinearConfig::new(784, 128).init(device),
            fc2: LinearConfig::new(128, 64).init(device),
            fc3: LinearConfig::new(64, 10).init(device),
        }
    }

    fn loss(&self, (images, targets): Self::Batch) -> Tensor<1> {
        let x = relu(self.fc1.forward(images));
        let x = relu(self.fc2.forward(x));
        cross_entropy(self.fc3.forward(x), targets)
    }

    fn batches(device: &Device) -> Vec<Self::Batch> {
        rows(device)
    }

    fn optimizer() -> ModuleOptimizer {
        AdamConfig::new().init()
    }
}

/// The network of the `mnist` example: 784-64-64-10 with BatchNorm, batches of 64, Adam.
#[derive(Module, Debug)]
pub struct NormMlp {
    fc1: Linear,
    norm1: BatchNorm,
    fc2: Linear,
    norm2: BatchNorm,
    head: Linear,
}

impl Workload for NormMlp {
    type Batch = Classified<2>;
    const NAME: &'static str = "batchnorm";
    const STEPS: usize = 2000;

    fn build(device: &Device) -> Self {
        Self {
            fc1: LinearConfig::new(784, 64).init(device),
            norm1: BatchNormConfig::new(64).init(device),
            fc2: LinearConfig::new(64, 64).init(device),
            norm2: BatchNormConfig::new(64).init(device),
            head: LinearConfig::new(64, 10).init(device),
        }
    }

    fn loss(&self, (images, targets): Self::Batch) -> Tensor<1> {
        let x = relu(self.norm1.forward(self.fc1.forward(images)));
        let x = relu(self.norm2.forward(self.fc2.forward(x)));
        cross_entropy(self.head.forward(x), targets)
    }

    fn batches(device: &Device) -> Vec<Self::Batch> {
        rows(device)
    }

    fn optimizer() -> ModuleOptimizer {
        AdamConfig::new().init()
    }
}

/// Two convolutions of 3x3 (1-32-64), pooling, 9216-128-10, batches of 64 images of 28x28, Adam.
#[derive(Module, Debug)]
pub struct Cnn {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    fc1: Linear,
    fc2: Linear,
}

impl Workload for Cnn {
    type Batch = Classified<4>;
    const NAME: &'static str = "cnn";
    const STEPS: usize = 40;

    fn build(device: &Device) -> Self {
        let conv = |channels| Conv2dConfig::new(channels, [3, 3]).with_padding(PaddingConfig2d::Valid).init(device);
        Self {
            conv1: conv([1, 32]),
            conv2: conv([32, 64]),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            fc1: LinearConfig::new(9216, 128).init(device),
            fc2: LinearConfig::new(128, 10).init(device),
        }
    }

    fn loss(&self, (images, targets): Self::Batch) -> Tensor<1> {
        let x = relu(self.conv1.forward(images));
        let x = self.pool.forward(relu(self.conv2.forward(x)));
        let x = relu(self.fc1.forward(x.flatten(1, 3)));
        cross_entropy(self.fc2.forward(x), targets)
    }

    fn batches(device: &Device) -> Vec<Self::Batch> {
        let image = || Tensor::random([64, 1, 28, 28], Distribution::Default, device);
        (0..BATCHES).map(|_| (image(), classes(64, 10, device))).collect()
    }

    fn optimizer() -> ModuleOptimizer {
        AdamConfig::new().init()
    }
}

/// The size of the transformer's vocabulary.
const VOCABULARY: usize = 256;

/// Four encoder layers of width 128 (4 heads, feed-forward width 512), 16 sequences of 64 tokens,
/// AdamW.
#[derive(Module, Debug)]
pub struct Transformer {
    tokens: Embedding,
    positions: Embedding,
    encoder: TransformerEncoder,
    head: Linear,
}

impl Workload for Transformer {
    type Batch = (Tensor<2, Int>, Tensor<1, Int>);
    const NAME: &'static str = "transformer";
    const STEPS: usize = 40;

    fn build(device: &Device) -> Self {
        Self {
            tokens: EmbeddingConfig::new(VOCABULARY, 128).init(device),
            positions: EmbeddingConfig::new(64, 128).init(device),
            encoder: TransformerEncoderConfig::new(128, 512, 4, 4).with_dropout(0.0).init(device),
            head: LinearConfig::new(128, VOCABULARY).init(device),
        }
    }

    fn loss(&self, (tokens, next): Self::Batch) -> Tensor<1> {
        let [batch, length] = tokens.dims();
        let positions = Tensor::arange(0..length as i64, &tokens.device()).unsqueeze::<2>().repeat_dim(0, batch);
        let x = self.tokens.forward(tokens) + self.positions.forward(positions);
        let x = self.encoder.forward(TransformerEncoderInput::new(x));
        cross_entropy(self.head.forward(x).flatten::<2>(0, 1), next)
    }

    fn batches(device: &Device) -> Vec<Self::Batch> {
        let sequences = || classes(16 * 64, VOCABULARY, device);
        (0..BATCHES).map(|_| (sequences().reshape([16, 64]), sequences())).collect()
    }

    fn optimizer() -> ModuleOptimizer {
        AdamWConfig::new().init()
    }
}

/// 784-3072-2500-10: 10.1 million parameters, batches of 64, AdamW.
#[derive(Module, Debug)]
pub struct Wide {
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
}

impl Workload for Wide {
    type Batch = Classified<2>;
    const NAME: &'static str = "wide";
    const STEPS: usize = 48;

    fn build(device: &Device) -> Self {
        Self {
            fc1: LinearConfig::new(784, 3072).init(device),
            fc2: LinearConfig::new(3072, 2500).init(device),
            fc3: LinearConfig::new(2500, 10).init(device),
        }
    }

    fn loss(&self, (images, targets): Self::Batch) -> Tensor<1> {
        let x = relu(self.fc1.forward(images));
        let x = relu(self.fc2.forward(x));
        cross_entropy(self.fc3.forward(x), targets)
    }

    fn batches(device: &Device) -> Vec<Self::Batch> {
        rows(device)
    }

    fn optimizer() -> ModuleOptimizer {
        AdamWConfig::new().init()
    }
}
