//! Random stacks of layers, exported and compared: `LIGHTNING_ONNX_STACKS` is how many.

use burn::{
    module::Module,
    nn::{
        attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig},
        conv::{Conv1d, Conv1dConfig},
        gru::{Gru, GruConfig},
        pool::{AvgPool1d, AvgPool1dConfig, MaxPool1d, MaxPool1dConfig},
        *,
    },
    prelude::*,
    tensor::activation::*,
};
use lightning_core::{LightningModule, Rng};

use crate::{
    onnx_cases::Case,
    onnx_support::{TOLERANCE, agrees_with_tract, disturbed, floats},
};

/// A layer from `[batch, n, d]` to `[batch, n', d']`.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "a stack has a few of them")]
enum Layer {
    Linear(Linear),
    LayerNorm(LayerNorm),
    RmsNorm(RmsNorm),
    BatchNorm(BatchNorm),
    Conv(Conv1d),
    Max(MaxPool1d),
    Average(AvgPool1d),
    Attention(MultiHeadAttention),
    Gru(Gru),
    Lstm(Lstm),
    Dropout(Dropout),
    Swap(Swap),
    Activation(Activation),
}

/// Exchanges the two axes after the batch.
#[derive(Module, Debug)]
struct Swap {}

/// A function of each value, or of each row, by number.
#[derive(Module, Debug)]
struct Activation {
    number: usize,
}

#[derive(Module, Debug)]
struct Stack {
    layers: Vec<Layer>,
    /// Layers whose input is added to their result, if the shapes are equal.
    residual: Vec<bool>,
}

impl Layer {
    /// A random layer for `[batch, n, d]`.
    fn random(rng: &mut Rng, n: usize, d: usize, device: &Device) -> Self {
        let mut below = |end: usize| (rng.uniform() * end as f64) as usize;
        let odd = [1, 3][below(2)];
        let width = 2 + 2 * below(4);
        match below(13) {
            0 => Self::Linear(LinearConfig::new(d, width).with_bias(below(2) == 0).init(device)),
            1 => Self::LayerNorm(LayerNormConfig::new(d).init(device)),
            2 => Self::RmsNorm(RmsNormConfig::new(d).init(device)),
            3 => Self::BatchNorm(BatchNormConfig::new(n).init(device)),
            4 => {
                let same = PaddingConfig1d::Explicit(odd / 2, odd / 2);
                Self::Conv(Conv1dConfig::new(n, width, odd).with_padding(same).init(device))
            }
            5 if d >= 4 => Self::Max(MaxPool1dConfig::new(2).with_stride(2).init()),
            6 if d >= 4 => Self::Average(AvgPool1dConfig::new(2).with_stride(1).init()),
            7 if d.is_multiple_of(2) => Self::Attention(MultiHeadAttentionConfig::new(d, 2).init(device)),
            8 => Self::Gru(GruConfig::new(d, width, true).init(device)),
            9 => Self::Lstm(LstmConfig::new(d, width, true).init(device)),
            10 => Self::Dropout(DropoutConfig::new(0.5).init()),
            11 => Self::Swap(Swap {}),
            _ => Self::Activation(Activation { number: below(8) }),
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Linear(layer) => layer.forward(x),
            Self::LayerNorm(layer) => layer.forward(x),
            Self::RmsNorm(layer) => layer.forward(x),
            Self::BatchNorm(layer) => layer.forward(x),
            Self::Conv(layer) => layer.forward(x),
            Self::Max(layer) => layer.forward(x),
            Self::Average(layer) => layer.forward(x),
            Self::Attention(layer) => layer.forward(MhaInput::self_attn(x)).context,
            Self::Gru(layer) => layer.forward(x, None),
            Self::Lstm(layer) => layer.forward(x, None).0,
            Self::Dropout(layer) => layer.forward(x),
            Self::Swap(_) => x.swap_dims(1, 2),
            Self::Activation(Activation { number }) => match number {
                0 => relu(x),
                1 => gelu(x),
                2 => silu(x),
                3 => tanh(x),
                4 => softmax(x, 2),
                5 => x.clone() / (x.abs().max_dim(2) + 1.0),
                6 => x.clone().cumsum(1) * 0.5,
                _ => x.clone() - x.mean_dim(1),
            },
        }
    }
}

impl Stack {
    fn random(seed: u64, device: &Device) -> Self {
        let mut rng = Rng::new(seed);
        let mut probe = floats([1, 4, 6]);
        let (mut layers, mut residual) = (Vec::new(), Vec::new());
        for _ in 0..2 + seed % 6 {
            let [_, n, d] = probe.dims();
            let layer = Layer::random(&mut rng, n, d, device);
            probe = layer.valid().forward(probe);
            layers.push(layer);
            residual.push(rng.uniform() < 0.3);
        }
        Self { layers, residual }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.layers.iter().zip(&self.residual).fold(x, |x, (layer, residual)| {
            let y = layer.forward(x.clone());
            if *residual && y.dims() == x.dims() { x + y } else { y }
        })
    }
}

/// The largest difference that is ever allowed.
const LARGEST: f64 = 1e-4;

/// How far the output moves if each value of the input moves by four times the distance to its neighbour.
fn sensitivity(stack: &Stack, x: Tensor<3>) -> f64 {
    let stack = stack.valid();
    let moved = stack.forward(x.clone() * (1.0 + 4.0 * f64::from(f32::EPSILON))) - stack.forward(x);
    f64::from(moved.abs().max().into_scalar::<f32>())
}

#[test]
fn random_stacks_of_layers_agree() {
    let count = std::env::var("LIGHTNING_ONNX_STACKS").map_or(12, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.onnx");
    let device = Device::default();
    device.seed(5);
    let mut faults = Vec::new();
    for seed in 0..count {
        let model = Case { net: disturbed(Stack::random(seed, &device)) };
        let step = |model: &Case<Stack>, x: Tensor<3>| model.net.forward(x);
        model.onnx(&floats([3, 4, 6])).step(step).save(&path).unwrap_or_else(|error| panic!("{seed}: {error:?}"));
        for size in [1, 5] {
            let batch = floats([size, 4, 6]);
            let sample = model.onnx(&batch).step(step).sample().unwrap();
            match agrees_with_tract(&path, &sample) {
                // A norm of nearly equal values multiplies the rounding errors before it: what the model itself makes of a
                // rounding error of its input is allowed.
                Ok(worst) if worst <= TOLERANCE.max(sensitivity(&model.net, batch).min(LARGEST)) => {}
                Ok(worst) => faults.push(format!("{seed}: {worst:e} in {size} rows of {}", model.net)),
                Err(error) => faults.push(format!("{seed}: {error}")),
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
