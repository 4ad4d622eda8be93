//! The models that are exported.

use burn::{
    module::Module,
    nn::{
        attention::{MultiHeadAttention, generate_autoregressive_mask},
        conv::*,
        gru::{BiGru, Gru},
        pool::*,
        transformer::*,
        *,
    },
    prelude::*,
    tensor::activation::*,
};

#[derive(Module, Debug)]
pub struct Mlp {
    pub fc1: Linear,
    pub drop: Dropout,
    pub fc2: Linear,
}

#[derive(Module, Debug)]
pub struct Cnn {
    pub conv1: Conv2d,
    pub norm1: BatchNorm,
    pub pool: MaxPool2d,
    pub conv2: Conv2d,
    pub norm2: BatchNorm,
    pub drop: Dropout,
    pub fc1: Linear,
    pub fc2: Linear,
}

impl Cnn {
    pub fn new(device: &Device) -> Self {
        Self {
            conv1: Conv2dConfig::new([1, 8], [3, 3]).init(device),
            norm1: BatchNormConfig::new(8).init(device),
            pool: MaxPool2dConfig::new([2, 2]).init(),
            conv2: Conv2dConfig::new([8, 16], [3, 3]).with_padding(PaddingConfig2d::Same).init(device),
            norm2: BatchNormConfig::new(16).init(device),
            drop: DropoutConfig::new(0.3).init(),
            fc1: LinearConfig::new(16 * 6 * 6, 64).init(device),
            fc2: LinearConfig::new(64, 10).init(device),
        }
    }

    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.pool.forward(relu(self.norm1.forward(self.conv1.forward(x))));
        let x = self.pool.forward(relu(self.norm2.forward(self.conv2.forward(x))));
        let x = self.drop.forward(x).flatten::<2>(1, 3);
        self.fc2.forward(relu(self.fc1.forward(x)))
    }
}

#[derive(Module, Debug)]
pub struct Block {
    pub conv1: Conv2d,
    pub norm1: BatchNorm,
    pub conv2: Conv2d,
    pub norm2: BatchNorm,
    pub down: Option<Conv2d>,
}

impl Block {
    pub fn new(from: usize, to: usize, stride: usize, device: &Device) -> Self {
        let conv = |from, stride| {
            Conv2dConfig::new([from, to], [3, 3])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .with_bias(false)
                .init(device)
        };
        let down = || Conv2dConfig::new([from, to], [1, 1]).with_stride([stride, stride]).with_bias(false).init(device);
        Self {
            conv1: conv(from, stride),
            norm1: BatchNormConfig::new(to).init(device),
            conv2: conv(to, 1),
            norm2: BatchNormConfig::new(to).init(device),
            down: (stride > 1).then(down),
        }
    }

    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = relu(self.norm1.forward(self.conv1.forward(x.clone())));
        let y = self.norm2.forward(self.conv2.forward(y));
        relu(y + self.down.as_ref().map_or(x.clone(), |down| down.forward(x)))
    }
}

#[derive(Module, Debug)]
pub struct ResNet {
    pub stem: Conv2d,
    pub blocks: Vec<Block>,
    pub pool: AdaptiveAvgPool2d,
    pub head: Linear,
}

#[derive(Module, Debug)]
pub struct Gpt {
    pub tok: Embedding,
    pub pos: Embedding,
    pub enc: TransformerEncoder,
    pub head: Linear,
}

impl Gpt {
    pub fn new(device: &Device) -> Self {
        Self {
            tok: EmbeddingConfig::new(50, 32).init(device),
            pos: EmbeddingConfig::new(16, 32).init(device),
            enc: TransformerEncoderConfig::new(32, 64, 4, 2).with_norm_first(true).init(device),
            head: LinearConfig::new(32, 50).init(device),
        }
    }

    pub fn forward(&self, x: Tensor<2, Int>, mask: Option<Tensor<2, Bool>>) -> Tensor<3> {
        let [b, n] = x.dims();
        let device = x.device();
        let pos = Tensor::<1, Int>::arange(0..n as i64, &device).reshape([1, n]).repeat_dim(0, b);
        let h = self.tok.forward(x) + self.pos.forward(pos);
        let mut input = TransformerEncoderInput::new(h).mask_attn(generate_autoregressive_mask(b, n, &device));
        if let Some(mask) = mask {
            input = input.mask_pad(mask);
        }
        self.head.forward(self.enc.forward(input))
    }
}

#[derive(Module, Debug)]
pub struct Recurrent {
    pub emb: Embedding,
    pub lstm: Lstm,
    pub gru: Gru,
    pub fc: Linear,
}

#[derive(Module, Debug)]
pub struct BothWays {
    pub lstm: BiLstm,
    pub gru: BiGru,
}

#[derive(Module, Debug)]
pub struct Norms {
    pub layer: LayerNorm,
    pub group: GroupNorm,
    pub instance: InstanceNorm,
    pub rms: RmsNorm,
    pub conv: Conv2d,
}

#[derive(Module, Debug)]
pub struct Decoder {
    pub fc: Linear,
    pub up1: ConvTranspose2d,
    pub norm: BatchNorm,
    pub up2: ConvTranspose2d,
}

#[derive(Module, Debug)]
pub struct Translator {
    pub encoder: TransformerEncoder,
    pub decoder: TransformerDecoder,
    pub head: Linear,
}

#[derive(Module, Debug)]
pub struct Signal {
    pub conv: Conv1d,
    pub max: MaxPool1d,
    pub avg: AvgPool1d,
    pub depthwise: Conv1d,
    pub adaptive: AdaptiveAvgPool1d,
    pub position: PositionalEncoding,
}

#[derive(Module, Debug)]
pub struct Ranks {
    pub norm2: BatchNorm,
    pub norm3: BatchNorm,
    pub layer: LayerNorm,
    pub prelu: PRelu,
    pub swiglu: SwiGlu,
    pub up: ConvTranspose1d,
    pub conv3: Conv3d,
    pub same: Conv1d,
    pub rope: RotaryEncoding,
    pub response: LocalResponseNorm,
    pub cross: MultiHeadAttention,
}
