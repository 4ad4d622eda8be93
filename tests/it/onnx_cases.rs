//! Models of many kinds, exported to ONNX and compared with an independent runtime.

use std::path::PathBuf;

use burn::{
    module::{Module, ModuleDisplay},
    nn::{
        attention::{MhaInput, MultiHeadAttentionConfig, generate_autoregressive_mask},
        conv::*,
        gru::{BiGruConfig, GruConfig},
        pool::*,
        transformer::*,
        *,
    },
    prelude::*,
    tensor::activation::*,
};
use lightning_core::{
    Batch, LightningModule,
    module::{OnnxOutput, OnnxSample},
    prelude::*,
};

use crate::{
    onnx_models::*,
    onnx_operations,
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
    pub fn case<N, B, O>(&mut self, name: &'static str, net: N, make: impl Fn(usize) -> B, step: impl Fn(&N, B) -> O)
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
    onnx_operations::operations(cases);
    onnx_operations::pooling(cases);
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
