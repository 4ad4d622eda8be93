//! What panics, or would be silently wrong, when a module meets 16 bits: each is an error that says
//! what to do, and has a remedy that works. The CPU backend of the tests is strict about types,
//! where others compute with the wrong ones.

use burn::{
    nn::{gru::*, *},
    optim::SgdConfig,
    prelude::*,
    tensor::{DType, FloatDType},
};
use lightning_core::{Error, FitReport, Weights, precision::InF32, prelude::*};

use crate::support::quiet;

/// Sequences of 4 steps with 8 features.
fn sequences() -> Vec<Tensor<3>> {
    let numbers: Vec<f32> = (0..4 * 4 * 8).map(|number| (number as f32 * 0.37).sin()).collect();
    vec![Tensor::from_data(TensorData::new(numbers, [4, 4, 8]), &Device::default()); 3]
}

/// The step and the run of a network: its first layer, and then `$forward`.
macro_rules! steps {
    ($name:ident, $hparams:ident, |$net:ident, $x:ident| $forward:expr) => {
        #[lightning_module]
        impl $name {
            fn training_step(&self, batch: Tensor<3>) -> Tensor<1> {
                let ($net, $x) = (self, self.first.forward(batch));
                let out = $forward;
                assert_eq!(out.dtype(), self.first.weight.val().dtype(), "the output is in the type of the step");
                // A loss of one's own is computed in float32, as those of the prelude are.
                out.cast(FloatDType::F32).powi_scalar(2).mean()
            }
        }

        impl $name {
            fn fit(precision: &str) -> Result<FitReport<Self>, Error> {
                seed_everything(1);
                let mut model = Self::new($hparams::default());
                let mut trainer = quiet(Self::trainer()).max_epochs(2).precision(precision).build()?;
                let report = trainer.fit(&mut model, sequences())?;
                assert_eq!(model.first.weight.val().dtype(), DType::F32);
                Ok(report)
            }
        }
    };
}

/// The precisions that compute in 16 bits and keep float32.
const MIXED: [&str; 2] = ["16-mixed", "bf16-mixed"];

/// Runs in all precisions: fails in 16 bits with a help that has these words.
fn fails_with<M: std::fmt::Debug>(fit: fn(&str) -> Result<FitReport<M>, Error>, words: &[&str]) {
    assert_eq!(fit("32-true").unwrap().global_step, 6);
    for precision in MIXED {
        let error = fit(precision).unwrap_err();
        for word in words {
            assert!(error.to_string().contains(word), "{precision}: `{word}` is not in: {error}");
        }
    }
}

/// Runs in all precisions, and in 16 bits as well.
fn works<M: std::fmt::Debug>(fit: fn(&str) -> Result<FitReport<M>, Error>) {
    for precision in ["32-true", "16-mixed", "bf16-mixed"] {
        let report = fit(precision).unwrap();
        assert_eq!((report.global_step, report.skipped_steps), (6, 0), "{precision}");
    }
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithNorm {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[init(BatchNormConfig::new(4).init(device))]
    norm: BatchNorm,
}

steps!(WithNorm, WithNormHparams, |net, x| net.norm.forward(x));

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithMarkedNorm {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[precision(f32)]
    #[init(BatchNormConfig::new(4).init(device))]
    norm: BatchNorm,
}

steps!(WithMarkedNorm, WithMarkedNormHparams, |net, x| net.norm.forward(x));

#[test]
fn batch_norm() {
    fails_with(
        WithNorm::fit,
        &[
            "running statistics need float32 in a 16-bit run, found `norm`",
            "write `#[precision(f32)]` above `norm: BatchNorm`",
        ],
    );
    works(WithMarkedNorm::fit);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithFrozenNorm {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[frozen]
    #[precision(f32)]
    #[init(BatchNormConfig::new(4).init(device))]
    norm: BatchNorm,
    #[frozen]
    #[init(LinearConfig::new(8, 8).init(device))]
    cold: Linear,
}

steps!(WithFrozenNorm, WithFrozenNormHparams, |net, x| net.cold.forward(net.norm.forward(x)));

#[test]
fn frozen_layers_are_cast_too() {
    works(WithFrozenNorm::fit);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithPositions {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[init(PositionalEncodingConfig::new(8).init(device))]
    positions: PositionalEncoding,
}

steps!(WithPositions, WithPositionsHparams, |net, x| net.positions.forward(x));

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithMarkedPositions {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[precision(f32)]
    #[init(PositionalEncodingConfig::new(8).init(device))]
    positions: PositionalEncoding,
    #[precision(f32)]
    #[init(RotaryEncodingConfig::new(16, 8).init(device))]
    rotary: RotaryEncoding,
}

steps!(WithMarkedPositions, WithMarkedPositionsHparams, |net, x| net.rotary.forward(net.positions.forward(x)));

#[test]
fn tables_that_are_no_parameters() {
    fails_with(WithPositions::fit, &["dtype mismatch", "`#[precision(f32)]`", "positional encoding", "training_step"]);
    works(WithMarkedPositions::fit);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithGru {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[init(GruConfig::new(8, 8, true).init(device))]
    gru: Gru,
}

steps!(WithGru, WithGruHparams, |net, x| net.gru.forward(x, None));

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithMarkedGru {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[precision(f32)]
    #[init(GruConfig::new(8, 8, true).init(device))]
    gru: Gru,
}

steps!(WithMarkedGru, WithMarkedGruHparams, |net, x| net
    .gru
    .call((x, None::<Tensor<2>>), |gru, (x, state)| gru.forward(x, state)));

#[test]
fn initial_states() {
    fails_with(WithGru::fit, &["dtype mismatch", "an RNN"]);
    works(WithMarkedGru::fit);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithBuffer {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[buffer(Tensor::ones([1, 1, 8], device))]
    shift: Tensor<3>,
}

steps!(WithBuffer, WithBufferHparams, |net, x| x + net.shift.clone());

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithCastBuffer {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[buffer(Tensor::ones([1, 1, 8], device))]
    shift: Tensor<3>,
}

steps!(WithCastBuffer, WithCastBufferHparams, |net, x| {
    let shift = net.shift.clone().cast(x.dtype());
    x + shift
});

#[test]
fn buffers_are_not_cast() {
    fails_with(WithBuffer::fit, &["dtype mismatch", "`.cast(x.dtype())` on a buffer"]);
    works(WithCastBuffer::fit);
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithNorms {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[init(LayerNormConfig::new(8).init(device))]
    layer: LayerNorm,
    #[init(RmsNormConfig::new(8).init(device))]
    rms: RmsNorm,
    #[init(DropoutConfig::new(0.2).init())]
    dropout: Dropout,
    #[init(attention::MultiHeadAttentionConfig::new(8, 2).init(device))]
    attention: attention::MultiHeadAttention,
}

steps!(WithNorms, WithNormsHparams, |net, x| {
    let x = net.dropout.forward(net.rms.forward(net.layer.forward(x)));
    net.attention.forward(attention::MhaInput::self_attn(x)).context
});

#[test]
fn what_needs_no_mark() {
    works(WithNorms::fit);
}

/// A struct of the user's own with a marked layer inside.
#[derive(Module, Debug)]
struct Block {
    linear: Linear,
    norm: InF32<BatchNorm>,
}

/// As a block, with the mark left out.
#[derive(Module, Debug)]
struct Unmarked {
    norm: BatchNorm,
}

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithBlocks {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[init((0..2).map(|_| Block {
        linear: LinearConfig::new(8, 8).init(device),
        norm: InF32::new(BatchNormConfig::new(4).init(device)),
    }).collect())]
    blocks: Vec<Block>,
}

steps!(WithBlocks, WithBlocksHparams, |net, x| net
    .blocks
    .iter()
    .fold(x, |x, block| block.norm.forward(block.linear.forward(x))));

#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.01)]
struct WithUnmarked {
    #[init(LinearConfig::new(8, 8).init(device))]
    first: Linear,
    #[init(Unmarked { norm: BatchNormConfig::new(4).init(device) })]
    block: Unmarked,
}

steps!(WithUnmarked, WithUnmarkedHparams, |net, x| net.block.norm.forward(x));

#[test]
fn layers_inside_of_other_structs() {
    works(WithBlocks::fit);
    fails_with(
        WithUnmarked::fit,
        &["running statistics need float32 in a 16-bit run, found `block.norm`", "make it an `InF32<BatchNorm>`"],
    );
}

/// The path of a marked parameter has no trace of the mark, so a checkpoint of before fits.
#[test]
fn a_mark_changes_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let plain = WithNorm::new(WithNormHparams::default());
    plain.save_weights(&path).unwrap();
    let mut marked = WithMarkedNorm::new(WithMarkedNormHparams::default());
    let report = marked.load_weights(Weights::safetensors(&path)).unwrap();
    assert!(report.missing.is_empty() && report.unused.is_empty(), "{report:?}");
    assert!(report.applied.iter().any(|name| name == "norm.running_mean"), "{report:?}");
}
