//! Models of many kinds, exported to ONNX and compared with an independent runtime.

use std::path::PathBuf;

use burn::{
    module::{Module, ModuleDisplay},
    nn::{
        attention::{MhaInput, MultiHeadAttentionConfig, generate_autoregressive_mask},
        conv::*,
        gru::{BiGruConfig, GruConfig},
        interpolate::*,
        pool::*,
        transformer::*,
        *,
    },
    prelude::*,
    tensor::{IndexingUpdateOp, activation::*},
};
use lightning_core::{
    Batch, LightningModule,
    module::{OnnxOutput, OnnxSample},
    prelude::*,
};

use crate::{
    onnx_models::*,
    onnx_support::{TOLERANCE, agrees_with_tract, disturbed, floats, ints, values},
};

/// Any module of Burn as a lightning module.
#[lightning_module]
pub struct Case<N: Module + ModuleDisplay + 'static> {
    pub net: N,
}

#[lightning_module]
impl<N: Module + ModuleDisplay + 'static> Case<N> {
    fn init(_hparams: &CaseHparams, _device: &Device) -> Self {
        unreachable!("a case is made of its network")
    }
    fn test_step(&self, batch: Tensor<2>) {
        let _ = batch;
    }
}

/// A case that is exported, with samples of several batch sizes.
pub struct ExportedCase {
    pub name: &'static str,
    pub path: PathBuf,
    pub samples: Vec<(usize, OnnxSample)>,
}

/// Exports cases into a folder and hands them to a check.
pub struct Cases<'a> {
    pub folder: PathBuf,
    pub check: &'a mut dyn FnMut(ExportedCase),
}

impl Cases<'_> {
    /// Exports with a batch of 3, and runs batches of 1, 2 and 5.
    fn case<N, B, O>(&mut self, name: &'static str, net: N, make: impl Fn(usize) -> B, step: impl Fn(&N, B) -> O)
    where
        N: Module + ModuleDisplay + 'static,
        B: Batch,
        O: OnnxOutput,
    {
        let model = Case { net: disturbed(net) };
        let path = self.folder.join(format!("{name}.onnx"));
        let before = values(&model);
        let step = |model: &Case<N>, batch: B| step(&model.net, batch);
        let example = make(3);
        model.onnx(&example).step(step).save(&path).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(before, values(&model), "{name}: an export changed the model");
        let sample = |size: usize| {
            let batch = make(size);
            (size, model.onnx(&batch).step(step).sample().unwrap_or_else(|error| panic!("{name}: {error:?}")))
        };
        let samples = [1, 2, 5].map(sample).into();
        (self.check)(ExportedCase { name, path, samples });
    }
}

/// Images, sequences, and everything else.
pub fn export_all(cases: &mut Cases<'_>) {
    Device::default().seed(1);
    vision(cases);
    sequences(cases);
    layers(cases);
    operations(cases);
    pooling(cases);
}

fn vision(cases: &mut Cases<'_>) {
    let device = &Device::default();
    let mlp = Mlp {
        fc1: LinearConfig::new(20, 64).init(device),
        drop: DropoutConfig::new(0.5).init(),
        fc2: LinearConfig::new(64, 10).init(device),
    };
    cases.case(
        "mlp",
        mlp,
        |b| floats([b, 20]),
        |net, x: Tensor<2>| net.fc2.forward(net.drop.forward(relu(net.fc1.forward(x)))),
    );
    cases.case("cnn", Cnn::new(device), |b| floats([b, 1, 28, 28]), Cnn::forward);
    cases.case(
        "cnn_post",
        Cnn::new(device),
        |b| floats([b, 1, 28, 28]),
        |net, x| {
            let y = net.forward(x);
            let (best, index) = softmax(y.clone(), 1).max_dim_with_indices(1);
            let classes = index.squeeze_dim::<1>(1);
            (softmax(y.clone(), 1), log_softmax(y.clone(), 1), y.clone().argmax(1), best, classes, y.topk(3, 1))
        },
    );
    let resnet = ResNet {
        stem: Conv2dConfig::new([3, 16], [7, 7])
            .with_stride([2, 2])
            .with_padding(PaddingConfig2d::Explicit(3, 3, 3, 3))
            .init(device),
        blocks: vec![Block::new(16, 16, 1, device), Block::new(16, 32, 2, device)],
        pool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
        head: LinearConfig::new(32, 10).init(device),
    };
    cases.case(
        "resnet",
        resnet,
        |b| floats([b, 3, 32, 32]),
        |net, x: Tensor<4>| {
            let x = net.blocks.iter().fold(relu(net.stem.forward(x)), |x, block| block.forward(x));
            net.head.forward(net.pool.forward(x).flatten::<2>(1, 3))
        },
    );
    let decoder = Decoder {
        fc: LinearConfig::new(16, 8 * 4 * 4).init(device),
        up1: ConvTranspose2dConfig::new([8, 6], [4, 4]).with_stride([2, 2]).with_padding([1, 1]).init(device),
        norm: BatchNormConfig::new(6).init(device),
        up2: ConvTranspose2dConfig::new([6, 2], [3, 3])
            .with_stride([2, 2])
            .with_padding([1, 1])
            .with_padding_out([1, 1])
            .with_groups(2)
            .init(device),
    };
    cases.case(
        "decoder",
        decoder,
        |b| floats([b, 16]),
        |net, z: Tensor<2>| {
            let b = z.dims()[0];
            let x = leaky_relu(net.fc.forward(z), 0.2).reshape([b, 8, 4, 4]);
            tanh(net.up2.forward(leaky_relu(net.norm.forward(net.up1.forward(x)), 0.1)))
        },
    );
}

fn sequences(cases: &mut Cases<'_>) {
    let device = &Device::default();
    let encoder =
        |width, hidden, heads, layers| TransformerEncoderConfig::new(width, hidden, heads, layers).init(device);
    let encode = |net: &TransformerEncoder, x: Tensor<3>| net.forward(TransformerEncoderInput::new(x));
    cases.case("encoder", encoder(32, 64, 2, 2), |b| floats([b, 5, 32]), encode);
    cases.case("encoder_6x256", encoder(256, 1024, 8, 6), |b| floats([b, 16, 256]), encode);
    cases.case("gpt", Gpt::new(device), |b| ints([b, 7], 50), |net, x| net.forward(x, None));
    let padded = |b: usize| (ints([b, 7], 50), ints([b, 7], 9).equal_elem(3));
    cases.case("gpt_pad", Gpt::new(device), padded, |net, (x, mask)| net.forward(x, Some(mask)));
    let translator = Translator {
        encoder: encoder(16, 32, 2, 1),
        decoder: TransformerDecoderConfig::new(16, 32, 2, 1).init(device),
        head: LinearConfig::new(16, 9).init(device),
    };
    let pair = |b: usize| (floats([b, 6, 16]), floats([b, 4, 16]));
    cases.case("seq2seq", translator, pair, |net, (source, target): (Tensor<3>, Tensor<3>)| {
        let [b, n, _] = target.dims();
        let mask = generate_autoregressive_mask(b, n, &target.device());
        let memory = net.encoder.forward(TransformerEncoderInput::new(source));
        net.head.forward(net.decoder.forward(TransformerDecoderInput::new(target, memory).target_mask_attn(mask)))
    });
    let rnn = Recurrent {
        emb: EmbeddingConfig::new(30, 12).init(device),
        lstm: LstmConfig::new(12, 16, true).init(device),
        gru: GruConfig::new(16, 8, true).init(device),
        fc: LinearConfig::new(8, 4).init(device),
    };
    cases.case(
        "rnn",
        rnn,
        |b| ints([b, 6], 30),
        |net, x: Tensor<2, Int>| {
            let (y, _) = net.lstm.forward(net.emb.forward(x), None);
            let y = net.gru.forward(y, None);
            let b = y.dims()[0];
            net.fc.forward(y.slice([0..b, 5..6, 0..8]).squeeze_dim::<2>(1))
        },
    );
    let both =
        BothWays { lstm: BiLstmConfig::new(6, 5, true).init(device), gru: BiGruConfig::new(10, 4, true).init(device) };
    cases.case(
        "birnn",
        both,
        |b| floats([b, 4, 6]),
        |net, x: Tensor<3>| {
            let (y, _) = net.lstm.forward(x, None);
            net.gru.forward(y, None)
        },
    );
}

fn layers(cases: &mut Cases<'_>) {
    let device = &Device::default();
    let norms = Norms {
        layer: LayerNormConfig::new(6).init(device),
        group: GroupNormConfig::new(4, 8).init(device),
        instance: InstanceNormConfig::new(8).init(device),
        rms: RmsNormConfig::new(6).init(device),
        conv: Conv2dConfig::new([8, 8], [3, 3])
            .with_groups(4)
            .with_dilation([2, 2])
            .with_padding(PaddingConfig2d::Explicit(2, 2, 2, 2))
            .init(device),
    };
    cases.case(
        "norms",
        norms,
        |b| floats([b, 8, 6, 6]),
        |net, x: Tensor<4>| {
            (
                net.layer.forward(x.clone()),
                net.group.forward(net.conv.forward(x.clone())),
                net.instance.forward(x.clone()),
                net.rms.forward(x),
            )
        },
    );
    let signal = Signal {
        conv: Conv1dConfig::new(4, 8, 5).with_stride(2).with_padding(PaddingConfig1d::Explicit(2, 2)).init(device),
        max: MaxPool1dConfig::new(3).with_stride(1).with_padding(PaddingConfig1d::Explicit(1, 1)).init(),
        avg: AvgPool1dConfig::new(3).with_stride(2).with_padding(PaddingConfig1d::Explicit(1, 1)).init(),
        depthwise: Conv1dConfig::new(8, 8, 3).with_groups(8).init(device),
        adaptive: AdaptiveAvgPool1dConfig::new(4).init(),
        position: PositionalEncodingConfig::new(4).with_max_sequence_size(16).init(device),
    };
    cases.case(
        "conv1d",
        signal,
        |b| floats([b, 4, 30]),
        |net, x: Tensor<3>| {
            let x = net.avg.forward(net.max.forward(net.conv.forward(x)));
            net.position.forward(net.adaptive.forward(net.depthwise.forward(x)))
        },
    );
    let ranks = Ranks {
        norm2: BatchNormConfig::new(6).init(device),
        norm3: BatchNormConfig::new(4).init(device),
        layer: LayerNormConfig::new(6).with_bias(false).init(device),
        prelu: PReluConfig::new().with_num_parameters(4).init(device),
        swiglu: SwiGluConfig::new(6, 5).init(device),
        up: ConvTranspose1dConfig::new([4, 3], 3).with_stride(2).init(device),
        conv3: Conv3dConfig::new([1, 2], [2, 2, 2]).init(device),
        same: Conv1dConfig::new(4, 3, 4).with_padding(PaddingConfig1d::Same).init(device),
        rope: RotaryEncodingConfig::new(8, 6).init(device),
        response: LocalResponseNormConfig::new(3).init(),
        cross: MultiHeadAttentionConfig::new(6, 2).with_quiet_softmax(true).init(device),
    };
    let pair = |b: usize| (floats([b, 6]), floats([b, 4, 6]));
    cases.case("norm_ranks", ranks, pair, |net, (x, y): (Tensor<2>, Tensor<3>)| {
        let b = y.dims()[0];
        let (key, value) = (y.clone().slice([0..b, 0..2, 0..6]), y.clone().slice([0..b, 1..3, 0..6]));
        (
            (net.norm2.forward(x), net.norm3.forward(y.clone()), net.layer.forward(y.clone())),
            (net.prelu.forward(y.clone()), net.swiglu.forward(y.clone()), net.up.forward(y.clone())),
            (
                net.conv3.forward(y.clone().reshape([b, 1, 2, 2, 6])),
                net.same.forward(y.clone()),
                net.rope.forward(y.clone().reshape([b, 1, 4, 6])),
                net.response.forward(y.clone().reshape([b, 4, 2, 3])),
                net.cross.forward(MhaInput::new(y, key, value)).context,
            ),
        )
    });
}

fn operations(cases: &mut Cases<'_>) {
    let device = &Device::default();
    let linear = || LinearConfig::new(6, 6).init(device);
    cases.case(
        "acts",
        linear(),
        |b| floats([b, 6]),
        |net: &Linear, x: Tensor<2>| {
            let x = net.forward::<2>(x);
            let y = || x.clone();
            (
                Tensor::cat(
                    vec![gelu(y()), gelu_approximate(y()), silu(y()), leaky_relu(y(), 0.01), tanh(y()), sigmoid(y())],
                    1,
                ),
                Tensor::cat(
                    vec![
                        mish(y()),
                        softplus(y(), 1.0),
                        hard_sigmoid(y(), 0.2, 0.5),
                        hard_swish(y()),
                        elu(y(), 1.0),
                        quiet_softmax(y(), 1),
                        softmin(y(), 1),
                        log_sigmoid(y()),
                        softsign(y()),
                        glu(y(), 1),
                    ],
                    1,
                ),
                Tensor::cat(
                    vec![
                        relu(y()),
                        y().clamp(-0.5, 0.5),
                        y().powf_scalar(2.0),
                        y().abs().sqrt(),
                        y().exp(),
                        y().abs().log1p(),
                        y().recip(),
                        y().sign(),
                        y().floor(),
                        y().ceil(),
                        y().round(),
                        y().trunc(),
                        y().sin(),
                        y().remainder_scalar(0.7),
                        y().powi_scalar(3),
                    ],
                    1,
                ),
                Tensor::cat(
                    vec![y().sinh(), y().cosh(), y().atan(), tanh(y()).asin(), tanh(y()).acos(), y().asinh()],
                    1,
                ),
            )
        },
    );
    let pair = |b: usize| (floats([b, 4, 6]), ints([b, 4, 3], 6));
    cases.case("shapes", linear(), pair, |net: &Linear, (x, index): (Tensor<3>, Tensor<3, Int>)| {
        let x: Tensor<3> = net.forward::<3>(x);
        let [b, n, k] = x.dims();
        let device = x.device();
        let rows = vec![
            net.weight.val().slice([0..1, 0..6]).reshape([1, 1, 6]).repeat_dim(0, b),
            x.clone(),
            Tensor::zeros([b, 1, k], &device),
            Tensor::<3>::ones([b, 1, k], &device) * 3.0,
            Tensor::<3>::full([1, 1, k], 0.5, &device).expand([b, 1, k]),
        ];
        let classes = Tensor::<1, Int>::arange(0..6, &device).reshape([1, 1, 6]).expand([b * n, 3, 6]);
        let one_hot = index.clone().reshape([b * n, 3, 1]).repeat_dim(2, 6).equal(classes).float();
        (
            (
                x.clone().slice(s![.., 1..3, ..;2]),
                x.clone().slice(s![.., ..;-1, 1..]),
                x.clone().gather(2, index.clone()),
            ),
            (
                x.clone().select(1, Tensor::<1, Int>::from_ints([2, 0], &device)),
                Tensor::cat(rows, 1),
                x.clone().slice_assign([0..b, 1..2, 2..4], x.clone().slice([0..b, 0..1, 0..2])),
                x.clone().flip([1, 2]).permute([0, 2, 1]),
            ),
            (
                x.clone().mean_dim(1).squeeze_dim::<2>(1),
                x.clone().mask_where(x.clone().lower_elem(0.0), x.clone() * 2.0).cumsum(1),
                x.clone().sort(2),
                x.clone().pad((1, 2, 0, 1), 0.25),
                x.clone().var(2),
            ),
            (
                one_hot.reshape([b * n, 18]),
                index.clone() * 2 + 1,
                index.float(),
                x.clone().matmul(x.transpose()).tril(0),
            ),
        )
    });
    let pair = |b: usize| (floats([b, 6]), ints([b, 6], 9));
    cases.case("bools", linear(), pair, |net: &Linear, (x, n): (Tensor<2>, Tensor<2, Int>)| {
        let x = net.forward::<2>(x);
        let (large, few) = (x.clone().greater_elem(0.1), n.clone().lower_elem(5));
        (
            (
                large.clone().bool_and(few.clone()).bool_not(),
                large.clone().bool_or(few.clone()).int(),
                large.any_dim(1),
                few.all_dim(1),
            ),
            (n.clone() / 2, n.clone().remainder_scalar(4), n.clone().max_dim(1), n.clone().sum_dim(1)),
            (
                x.clone().argmin(1),
                x.clone().not_equal(x.clone() + 1),
                x.clone().prod_dim(1),
                x.clone().max_abs_dim(1),
                x.clone().powf(x.clone().abs()).is_nan(),
                x.clone().min(),
            ),
            (
                x.clone().int(),
                x.clone().scatter(1, n.remainder_scalar(6), x.clone(), IndexingUpdateOp::Add),
                x.unfold::<3, _>(1, 3, 2),
            ),
        )
    });
    cases.case(
        "batch_uses",
        linear(),
        |b| floats([b, 6]),
        |net: &Linear, x: Tensor<2>| {
            let x = net.forward::<2>(x);
            let b = x.dims()[0];
            let rows = Tensor::<1, Int>::arange(0..b as i64, &x.device());
            (
                x.clone().mean(),
                x.clone().sum_dim(0) / b as f32,
                x.clone().sub(x.clone().mean_dim(0)),
                x.clone() * b as f32,
                x.clone().matmul(x.clone().transpose()),
                x.clone().select(0, rows),
                x.clone().slice(s![b - 1..b]),
            )
        },
    );
}

/// The modes of interpolation, pooling and attention.
fn pooling(cases: &mut Cases<'_>) {
    let device = &Device::default();
    let resize = |mode: &InterpolateMode, corners, size| {
        Interpolate2dConfig::new()
            .with_output_size(Some(size))
            .with_mode(mode.clone())
            .with_align_corners(corners)
            .init()
    };
    cases.case(
        "interp",
        LinearConfig::new(5, 5).init(device),
        |b| floats([b, 3, 6, 5]),
        |net: &Linear, x: Tensor<4>| {
            let x = net.forward::<4>(x);
            let mut outputs = Vec::new();
            for (mode, corners) in [
                (InterpolateMode::Nearest, false),
                (InterpolateMode::Linear, false),
                (InterpolateMode::Linear, true),
                (InterpolateMode::Cubic, false),
                (InterpolateMode::Cubic, true),
            ] {
                for size in [[9, 7], [4, 3], [1, 1], [12, 15]] {
                    outputs.push(resize(&mode, corners, size).forward(x.clone()));
                }
            }
            outputs
        },
    );
    let padding = || PaddingConfig2d::Explicit(1, 1, 1, 1);
    let average = || AvgPool2dConfig::new([3, 3]).with_strides([2, 2]);
    cases.case(
        "pools",
        LinearConfig::new(7, 7).init(device),
        |b| floats([b, 3, 10, 7]),
        |net: &Linear, x: Tensor<4>| {
            let x = net.forward::<4>(x);
            let max = MaxPool2dConfig::new([3, 3]).with_strides([2, 2]);
            vec![
                average().with_padding(padding()).with_count_include_pad(false).init().forward(x.clone()),
                average().with_padding(padding()).init().forward(x.clone()),
                max.clone().with_dilation([2, 2]).with_padding(padding()).init().forward(x.clone()),
                AdaptiveAvgPool2dConfig::new([3, 5]).init().forward(x.clone()),
                AdaptiveAvgPool2dConfig::new([5, 7]).init().forward(x.clone()),
                max.with_ceil_mode(true).init().forward(x),
            ]
        },
    );
    cases.case(
        "avg_ceil",
        LinearConfig::new(7, 7).init(device),
        |b| floats([b, 3, 10, 7]),
        |net: &Linear, x: Tensor<4>| {
            let x = net.forward::<4>(x);
            vec![
                average().with_ceil_mode(true).init().forward(x.clone()),
                average().with_padding(padding()).with_ceil_mode(true).init().forward(x.clone()),
                average().with_padding(padding()).with_ceil_mode(true).with_count_include_pad(false).init().forward(x),
            ]
        },
    );
    let input = |b: usize| (floats([b, 2, 5, 8]), floats([b, 2, 5, 5]), ints([b, 2, 5, 5], 5).equal_elem(0));
    cases.case("attention", LinearConfig::new(8, 8).init(device), input, |net: &Linear, (x, bias, mask)| {
        use burn::tensor::{module::attention, ops::AttentionModuleOptions};
        let x = net.forward::<4>(x);
        let options = |scale, softcap, is_causal| AttentionModuleOptions { scale, softcap, is_causal };
        (
            attention(x.clone(), x.clone(), x.clone(), None, None, options(None, None, true)),
            attention(x.clone(), x.clone(), x.clone(), None, Some(bias), options(Some(0.3), None, false)),
            attention(x.clone(), x.clone(), x.clone(), Some(mask), None, options(None, Some(2.0), false)),
        )
    });
}

/// Runs every case with tract.
#[test]
fn every_case_agrees_with_tract() {
    let folder = tempfile::tempdir().unwrap();
    let mut faults = Vec::new();
    let mut count = 0;
    let mut check = |case: ExportedCase| {
        for (size, sample) in &case.samples {
            match agrees_with_tract(&case.path, sample) {
                Ok(worst) if worst <= TOLERANCE => count += 1,
                Ok(worst) => faults.push(format!("{}: batch {size}: {worst:.1e}", case.name)),
                Err(error) => faults.push(format!("{}: batch {size}: {}", case.name, &error[..error.len().min(600)])),
            }
        }
    };
    export_all(&mut Cases { folder: folder.path().to_owned(), check: &mut check });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(count, 3 * 23);
}
