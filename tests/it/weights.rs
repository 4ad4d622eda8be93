//! Weights in files of their own: saved and loaded, whole and in part, and those of PyTorch.

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::{
    nn::{conv::*, *},
    optim::AdamConfig,
    prelude::*,
    tensor::activation::relu,
};
use lightning_core::{ErrorKind, Weights, prelude::*};

use crate::support::{Net as Small, NetHparams as SmallHparams, SaveAfterBatch, bits, quiet};

/// The backbone of `reference/torch_weights.py`.
#[derive(Module, Debug)]
struct Backbone {
    conv: Conv2d,
    norm: BatchNorm,
    layers: Vec<Linear>,
    out: LayerNorm,
}

impl Backbone {
    fn new(device: &Device) -> Self {
        Self {
            conv: Conv2dConfig::new([1, 3], [3, 3]).init(device),
            norm: BatchNormConfig::new(3).init(device),
            layers: vec![LinearConfig::new(48, 6).init(device), LinearConfig::new(6, 5).init(device)],
            out: LayerNormConfig::new(5).init(device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x: Tensor<2> = relu(self.norm.forward(self.conv.forward(x))).flatten(1, 3);
        self.out.forward(self.layers[1].forward(relu(self.layers[0].forward(x))))
    }
}

#[derive(Batch, Clone, Debug)]
struct Images {
    x: Tensor<4>,
    y: Tensor<1, Int>,
}

/// The backbone, frozen, with a head for another task.
#[lightning_module]
#[optimizer(AdamConfig::new(), lr = 1e-2)]
struct Transfer {
    #[frozen]
    #[init(Backbone::new(device))]
    backbone: Backbone,
    #[init(LinearConfig::new(5, classes).init(device))]
    fc: Linear,
    #[hparam(default = 2)]
    classes: usize,
}

#[lightning_module]
impl Transfer {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        self.fc.forward(self.backbone.forward(x))
    }
    fn training_step(&self, batch: Images) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.forward(batch.x), batch.y);
        train_loss
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

/// What PyTorch answered.
fn answers(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/torch_weights.json");
    let all: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    all[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

/// The input of the script: 72 numbers from -1 to 1.
fn input() -> Tensor<4> {
    let values: Vec<f32> = (0..72).map(|at| -1.0 + 2.0 * at as f32 / 71.0).collect();
    Tensor::from_data(TensorData::new(values, [2, 1, 6, 6]), &Device::default())
}

#[track_caller]
fn close<const D: usize>(found: Tensor<D>, expected: &[f32]) {
    let found = found.into_data().try_to_vec::<f32>().unwrap();
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}\n{expected:?}");
}

#[test]
fn the_files_of_pytorch() {
    let whole = |name: &str| Weights::pytorch(data(name)).rename("backbone.layers.2", "backbone.out");
    for weights in [
        whole("torch_net.pt"),
        whole("torch_net.safetensors"),
        whole("torch_checkpoint.pt").key("state_dict").below("module"),
    ] {
        let mut model = Transfer::new(TransferHparams::default().with_classes(7));
        let report = model.load_weights(weights).unwrap();
        close(model.backbone.forward(input()), &answers("features"));
        close(model.forward(input()), &answers("logits"));
        assert_eq!(report.applied.len(), 14, "{report}");
        assert!(report.missing.is_empty(), "{report}");
        assert_eq!(report.unused.len(), 1, "{report}");
        assert!(report.unused[0].ends_with("norm.num_batches_tracked"), "{report}");
    }
}

/// A pretrained backbone without its classifier; the new head trains, and the backbone stays as it
/// was.
#[test]
fn transfer_learning() {
    seed_everything(1);
    let mut model = Transfer::new(TransferHparams::default());
    let head = model.fc.weight.val().into_data();
    let weights =
        || Weights::pytorch(data("torch_net.pt")).below("backbone").at(Transfer::BACKBONE).rename("layers.2", "out");
    let report = model.load_weights(weights()).unwrap();
    assert_eq!((report.applied.len(), report.skipped.len()), (12, 2), "{report}");
    assert_eq!(report.skipped, ["fc.bias", "fc.weight"]);
    assert_eq!(model.fc.weight.val().into_data(), head, "the head is the model's own");

    let batches: Vec<Images> =
        (0..6).map(|_| Images { x: input(), y: Tensor::from_data([0, 1], &Device::default()) }).collect();
    let mut trainer = quiet(Transfer::trainer()).max_epochs(4).build().unwrap();
    trainer.fit(&mut model, batches).unwrap();
    close(model.backbone.forward(input()), &answers("features"));
    assert_ne!(model.fc.weight.val().into_data(), head);

    // What is left out by a pattern of the file's own names.
    let report = model
        .load_weights(
            Weights::pytorch(data("torch_net.pt"))
                .skip("fc.*")
                .skip("*num_batches*")
                .rename("backbone.layers.2", "backbone.out"),
        )
        .unwrap();
    assert_eq!((report.applied.len(), report.unused.len()), (12, 0), "{report}");
    assert_eq!(report.missing, ["fc.weight", "fc.bias"]);
}

#[test]
fn weights_that_have_no_place_are_an_error_with_both_names() {
    let mut model = Transfer::new(TransferHparams::default());
    let error = model.load_weights(Weights::pytorch(data("torch_net.pt")).at(Transfer::BACKBONE)).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(text.contains("the file has no weights of `Transfer`") && text.contains("torch_net.pt"), "{text}");
    assert!(text.contains("`backbone.conv.weight`"), "{text}");
}

#[test]
fn shapes_that_do_not_fit_are_told_all_at_once_and_nothing_changes() {
    seed_everything(1);
    let mut model = Transfer::new(TransferHparams::default());
    let before = model.backbone.conv.weight.val().into_data();
    let error = model.load_weights(Weights::pytorch(data("torch_net.pt"))).unwrap_err().to_string();
    assert!(error.contains("`fc.weight` must have shape [5, 2] for `fc.weight`, found [5, 7]"), "{error}");
    assert!(error.contains("`fc.bias` must have shape [2] for `fc.bias`, found [7]"), "{error}");
    assert_eq!(model.backbone.conv.weight.val().into_data(), before);
}

#[test]
fn files_that_are_no_weights() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Small::new(SmallHparams::default());
    for (name, bytes) in
        [("a.pt", &b"not a pickle"[..]), ("a.safetensors", b"short"), ("b.pt", b"PK\x03\x04 and so on")]
    {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = model.load_weights(Weights::pytorch(&path)).unwrap_err();
        assert_eq!((error.kind(), error.location().path.as_deref()), (ErrorKind::Checkpoint, Some(&*path)), "{error}");
    }
    let missing = folder.path().join("missing.pt");
    assert_eq!(model.load_weights(Weights::pytorch(&missing)).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn saved_weights_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/m.safetensors");
    seed_everything(1);
    let model = Small::new(SmallHparams::default());
    model.save_weights(&path).unwrap();
    let mut other = Small::new(SmallHparams::default());
    assert_ne!(bits(&other.parameters()), bits(&model.parameters()));
    let report = other.load_weights(Weights::safetensors(&path)).unwrap();
    assert_eq!(bits(&other.parameters()), bits(&model.parameters()));
    assert_eq!(report.to_string(), "2 tensors applied");
    let error = Small::load_from_checkpoint(&path).unwrap_err().to_string();
    assert!(error.contains("a safetensors file, but not a checkpoint") && error.contains("load_weights"), "{error}");
}

#[test]
fn the_model_of_a_checkpoint_is_weights_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    seed_everything(1);
    let mut model = Small::new(SmallHparams::default());
    let save = SaveAfterBatch { batch: 2, path: path.clone() };
    let loader = DataLoader::from_batches(crate::support::batches(&[8; 3], 1)).unwrap();
    let mut trainer = Small::quiet().max_epochs(1).limit_val_batches(0).callback(save).build().unwrap();
    trainer.fit(&mut model, loader).unwrap();
    let mut other = Small::new(SmallHparams::default());
    other.load_weights(Weights::safetensors(&path)).unwrap();
    let saved = Small::load_from_checkpoint(&path).unwrap();
    assert_eq!(bits(&other.parameters()), bits(&saved.parameters()));
}

/// A low-rank update beside a frozen layer: only its two factors have an optimizer's state, and a
/// resumed run is the same run.
mod low_rank {
    use super::*;
    use crate::support::{Rows, batches};

    #[lightning_module]
    #[optimizer(AdamConfig::new(), lr = 1e-2)]
    struct Adapted {
        #[frozen]
        #[init(LinearConfig::new(8, 3).init(device))]
        base: Linear,
        #[init(LinearConfig::new(8, 2).with_bias(false).init(device))]
        down: Linear,
        #[init(LinearConfig::new(2, 3).with_bias(false).with_initializer(Initializer::Zeros).init(device))]
        up: Linear,
    }

    #[lightning_module]
    impl Adapted {
        fn training_step(&self, batch: Rows) -> Tensor<1> {
            let logits = self.base.forward(batch.x.clone()) + self.up.forward(self.down.forward(batch.x));
            #[log(minimize)]
            let train_loss = cross_entropy(logits, batch.y);
            train_loss
        }
    }

    #[test]
    fn lora() {
        let folder = tempfile::tempdir().unwrap();
        let pretrained = folder.path().join("base.safetensors");
        seed_everything(4);
        let base = Small::new(SmallHparams::default());
        base.save_weights(&pretrained).unwrap();
        let path = folder.path().join("a.ckpt");
        let run = |resume: Resume| {
            seed_everything(1);
            let mut model = Adapted::new(AdaptedHparams::default());
            model.load_weights(Weights::safetensors(&pretrained).below("layer").at(Adapted::BASE)).unwrap();
            let save = SaveAfterBatch { batch: 5, path: path.clone() };
            let mut trainer =
                quiet(Adapted::trainer()).max_epochs(3).callback(save).resume_from(resume).build().unwrap();
            trainer.fit(&mut model, DataLoader::from_batches(batches(&[8; 4], 1)).unwrap()).unwrap();
            let values = |linear: &Linear| linear.weight.val().into_data().try_to_vec::<f32>().unwrap();
            [values(&model.base), values(&model.down), values(&model.up)].map(|values| bits(&values))
        };
        let [kept, down, up] = run(Resume::Never);
        assert_eq!(kept, bits(&base.weight()));
        let inspected = lightning_core::checkpoint::inspect(&path).unwrap();
        let optimizer: Vec<_> =
            inspected.tensors.iter().filter(|tensor| tensor.name.starts_with("optimizer.")).collect();
        assert_eq!(optimizer.len(), 4, "two moments of two factors: {inspected}");
        assert_eq!(run(Resume::Path(path.clone())), [kept, down, up]);
    }
}
