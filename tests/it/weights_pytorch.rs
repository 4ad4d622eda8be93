//! Files of PyTorch under their own names: gaps in the numbers of a `Sequential`, tensors of types
//! that Burn does not have, and tensors larger than the file. `reference/torch_files.py` wrote them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::{
    nn::{conv::*, *},
    optim::SgdConfig,
    prelude::*,
    tensor::activation::{relu, tanh},
};
use lightning_core::{ErrorKind, Weights, prelude::*};

use crate::support::{Net as Small, NetHparams as SmallHparams, SaveAfterBatch};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

/// What PyTorch answered.
fn answers() -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/torch_files.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(values: &serde_json::Value) -> Vec<f32> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

/// `count` numbers from -1 to 1.
fn line<const D: usize>(count: usize, shape: [usize; D]) -> Tensor<D> {
    let values: Vec<f32> = (0..count).map(|at| -1.0 + 2.0 * at as f32 / (count - 1) as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::default())
}

#[track_caller]
fn close<const D: usize>(found: Tensor<D>, expected: &serde_json::Value) {
    let (found, expected) = (found.into_data().try_to_vec::<f32>().unwrap(), numbers(expected));
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}\n{expected:?}");
}

fn linears(count: usize, device: &Device) -> Vec<Linear> {
    (0..count).map(|_| LinearConfig::new(3, 3).init(device)).collect()
}

/// The network of the script, whose layers without parameters are not in the lists.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Sequences {
    #[init(linears(layers, device))]
    net: Vec<Linear>,
    #[init(vec![LinearConfig::new(3, 3).init(device), LinearConfig::new(3, classes).init(device)])]
    head: Vec<Linear>,
    #[init(vec![linears(2, device), linears(2, device)])]
    blocks: Vec<Vec<Linear>>,
    #[hparam(default = 3)]
    layers: usize,
    #[hparam(default = 2)]
    classes: usize,
}

#[lightning_module]
impl Sequences {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mut x = self.net[0].forward(x);
        for layer in &self.net[1..] {
            x = layer.forward(relu(x));
        }
        for block in &self.blocks {
            x = block[1].forward(tanh(block[0].forward(relu(x))));
        }
        self.head[1].forward(relu(self.head[0].forward(x)))
    }

    fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
        self.forward(batch).mean()
    }
}

impl Sequences {
    /// The bias of each layer of `net`, by which it is recognized.
    fn biases(&self) -> Vec<Vec<f32>> {
        let bias = |layer: &Linear| layer.bias.as_ref().unwrap().val().into_data().try_to_vec().unwrap();
        self.net.iter().map(bias).collect()
    }
}

fn file() -> Weights<Sequences> {
    Weights::pytorch(data("torch_sequences.pt"))
}

/// The bias of a layer of the file.
fn bias(layer: &str) -> Vec<f32> {
    numbers(&answers()["biases"][format!("{layer}.bias")])
}

#[test]
fn layers_without_parameters_are_left_out_of_the_numbers() {
    let mut model = Sequences::new(SequencesHparams::default());
    let report = model.load_weights(file()).unwrap();
    assert_eq!(report.to_string(), "18 tensors applied");
    close(model.forward(line(12, [4, 3])), &answers()["sequences"]);
}

#[test]
fn below_takes_the_number_in_the_file() {
    #[lightning_module]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    struct One {
        #[init(LinearConfig::new(3, 3).init(device))]
        layer: Linear,
    }

    #[lightning_module]
    impl One {
        fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
            self.layer.forward(batch).mean()
        }
    }

    let mut model = One::new(OneHparams::default());
    for layer in ["net.0", "net.2", "net.4", "blocks.3.2", "head.0"] {
        for weights in [
            Weights::pytorch(data("torch_sequences.pt")).below(layer).at(One::LAYER),
            Weights::pytorch(data("torch_sequences.pt")).rename(layer, "layer"),
        ] {
            let report = model.load_weights(weights).unwrap();
            let found = model.layer.bias.as_ref().unwrap().val().into_data().try_to_vec::<f32>().unwrap();
            assert_eq!(found, bias(layer), "{layer}: {report}");
        }
    }
    // A number that the file does not have is not that of another layer.
    let error = model.load_weights(Weights::pytorch(data("torch_sequences.pt")).below("net.1").at(One::LAYER));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("`net.2.weight`") || error.contains("`blocks.1.0.bias`"), "{error}");
}

#[test]
fn skipped_layers_have_the_names_of_the_file() {
    // A head for other classes: without the skipped layer, the shapes would not fit.
    let mut model = Sequences::new(SequencesHparams::default().with_classes(5));
    let report = model.load_weights(file().skip("head.3.*")).unwrap();
    assert_eq!(report.skipped, ["head.3.bias", "head.3.weight"]);
    assert_eq!(report.missing, ["head.1.weight", "head.1.bias"]);
    assert_eq!((report.applied.len(), report.unused.len()), (16, 0), "{report}");

    // The layer is in the model, so the others stay where they are.
    let mut model = Sequences::new(SequencesHparams::default());
    let own = model.biases()[0].clone();
    let report = model.load_weights(file().skip("net.0.*")).unwrap();
    assert_eq!(report.missing, ["net.0.weight", "net.0.bias"]);
    assert_eq!(model.biases(), [own, bias("net.2"), bias("net.4")]);

    // The model does not have it.
    let mut model = Sequences::new(SequencesHparams::default().with_layers(2));
    let report = model.load_weights(file().skip("net.2.*")).unwrap();
    assert!(report.missing.is_empty() && report.unused.is_empty(), "{report}");
    assert_eq!(model.biases(), [bias("net.0"), bias("net.4")]);

    // With `below`, a pattern may have the whole name or the rest of it.
    for pattern in ["net.4.*", "4.*"] {
        let report = model.load_weights(file().below("net").at(Sequences::NET).skip(pattern)).unwrap();
        assert!(report.skipped.contains(&"net.4.weight".to_owned()), "{report}");
        assert_eq!(model.biases(), [bias("net.0"), bias("net.2")]);
    }
}

#[test]
fn messages_have_the_names_of_the_file() {
    let mut model = Sequences::new(SequencesHparams::default().with_classes(5));
    let error = model.load_weights(file()).unwrap_err().to_string();
    assert!(error.contains("`head.3.weight` must have shape [3, 5] for `head.1.weight`, found [3, 2]"), "{error}");
    let mut model = Sequences::new(SequencesHparams::default().with_layers(1));
    assert_eq!(
        model.load_weights(file()).unwrap().unused,
        ["net.2.bias", "net.2.weight", "net.4.bias", "net.4.weight"]
    );
}

#[test]
fn two_tensors_of_one_name_are_refused() {
    let mut model = Sequences::new(SequencesHparams::default());
    let error = model.load_weights(file().rename("net.2", "net.0")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    let text = error.to_string();
    assert!(text.contains("found `net.0.bias` for `net.0.bias` and `net.2.bias`"), "{text}");
    assert!(text.contains(".skip(\"net.0.bias\")"), "{text}");
    model.load_weights(file().skip("net.0.*").rename("net.2", "net.0")).unwrap();
}

/// A convolution, an instance norm with parameters and a PReLU with one for each channel.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = 0.1)]
struct Normed {
    #[init(Conv2dConfig::new([1, 3], [3, 3]).init(device))]
    conv: Conv2d,
    #[init(InstanceNormConfig::new(3).init(device))]
    norm: InstanceNorm,
    #[init(PReluConfig::new().with_num_parameters(3).init(device))]
    act: PRelu,
}

#[lightning_module]
impl Normed {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.act.forward(self.norm.forward(self.conv.forward(x)))
    }

    fn training_step(&self, batch: Tensor<4>) -> Tensor<1> {
        self.forward(batch).mean()
    }
}

#[test]
fn instance_norm_and_prelu() {
    let mut model = Normed::new(NormedHparams::default());
    let report = model.load_weights(Weights::pytorch(data("torch_normed.pt"))).unwrap();
    assert_eq!(report.to_string(), "5 tensors applied");
    close(model.forward(line(72, [2, 1, 6, 6])), &answers()["normed"]);
}

/// The variant of an enum is not part of PyTorch's names.
#[test]
fn a_layer_that_is_chosen_at_run_time() {
    #[derive(Module, Debug)]
    #[allow(clippy::large_enum_variant, reason = "there is one")]
    enum Norm {
        Instance(InstanceNorm),
        Batch(BatchNorm),
    }

    #[lightning_module]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    struct Chosen {
        #[init(Conv2dConfig::new([1, 3], [3, 3]).init(device))]
        conv: Conv2d,
        #[init(if batch { Norm::Batch(BatchNormConfig::new(3).init(device)) } else {
            Norm::Instance(InstanceNormConfig::new(3).init(device))
        })]
        norm: Norm,
        #[init(vec![PReluConfig::new().with_num_parameters(3).init(device)])]
        act: Vec<PRelu>,
        #[hparam(default = false)]
        batch: bool,
    }

    #[lightning_module]
    impl Chosen {
        fn forward(&self, x: Tensor<4>) -> Tensor<4> {
            let x = self.conv.forward(x);
            self.act[0].forward(match &self.norm {
                Norm::Instance(norm) => norm.forward(x),
                Norm::Batch(norm) => norm.forward(x),
            })
        }

        fn training_step(&self, batch: Tensor<4>) -> Tensor<1> {
            self.forward(batch).mean()
        }
    }

    let mut model = Chosen::new(ChosenHparams::default());
    let report = model.load_weights(Weights::pytorch(data("torch_normed.pt")).rename("act", "act.0")).unwrap();
    assert_eq!(report.to_string(), "5 tensors applied");
    close(model.forward(line(72, [2, 1, 6, 6])), &answers()["normed"]);
}

/// The linear layer of the files, of eight inputs and three outputs: the weight is 0, ⅛, ¼ and so on
/// in PyTorch's order.
#[track_caller]
fn assert_loaded(model: &Small) {
    let eye = Tensor::<2>::eye(8, &Device::default());
    let found = model.forward(eye).into_data().try_to_vec::<f32>().unwrap();
    let expected =
        (0..8).flat_map(|input| (0..3).map(move |output| (8 * output + input) as f32 / 8.0 + 1.0 + output as f32));
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[test]
fn tensors_of_unknown_types_are_left_out_and_named() {
    let all = ["quantized (qtensor)", "small.0 (float8_e4m3fn)", "sparse (sparse tensor)", "spectrum (complex64)"];
    let file = |name: &str| Weights::<Small>::pytorch(data(name));
    for (weights, unsupported) in [
        (file("torch_unsupported.pt"), &all[..]),
        (file("torch_unsupported_view.pt"), &all),
        (file("torch_unsupported_legacy.pt").key("model"), &all),
        (file("torch_unsupported.safetensors"), &["small.0 (F8_E4M3)"]),
    ] {
        let mut model = Small::new(SmallHparams::default());
        let report = model.load_weights(weights).unwrap();
        assert_loaded(&model);
        assert_eq!(report.unsupported, unsupported);
        let names: Vec<_> = unsupported.iter().map(|text| text.split(' ').next().unwrap()).collect();
        assert_eq!(report.skipped, names);
        assert!(report.missing.is_empty() && report.unused.is_empty(), "{report}");
        assert!(report.to_string().contains("small.0 ("), "{report}");
    }
    // Those that are not asked for are not worth a word.
    let mut model = Small::new(SmallHparams::default());
    let report = model.load_weights(file("torch_unsupported.pt").skip("s*")).unwrap();
    assert_eq!(report.unsupported, ["quantized (qtensor)"]);
    // A file of Burn's layout, as another program may write it.
    let error = model.load_weights(Weights::safetensors(data("torch_unsupported.safetensors"))).unwrap_err();
    assert!(error.to_string().contains("`layer.weight` must have shape [8, 3]"), "{error}");
}

#[test]
fn a_damaged_file_is_not_read_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(data("torch_unsupported.pt")).unwrap();
    let path = folder.path().join("a.pt");
    let mut model = Small::new(SmallHparams::default());
    for cut in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(model.load_weights(Weights::pytorch(&path)).is_err(), "{cut} bytes of {}", whole.len());
    }
    // The first of the weights.
    let at = whole.windows(8).position(|bytes| bytes == [0, 0, 0, 0, 0, 0, 0, 0x3e]).unwrap();
    let mut changed = whole.clone();
    changed[at] = 1;
    fs::write(&path, &changed).unwrap();
    let error = model.load_weights(Weights::pytorch(&path)).unwrap_err();
    assert!(error.to_string().contains("`layer.weight` cannot be read"), "{error}");
    let error = model.load_weights(Weights::pytorch(data("torch_unsupported_legacy.pt")).key("state")).unwrap_err();
    assert!(error.to_string().contains(".key(\"state_dict\")"), "{error}");
}

/// 4 GB of one number in a file of 2 kB are not unpacked to find that they do not fit.
#[test]
fn the_shape_is_compared_before_a_tensor_is_unpacked() {
    let mut model = Small::new(SmallHparams::default());
    let start = std::time::Instant::now();
    let error = model.load_weights(Weights::pytorch(data("torch_broadcast.pt"))).unwrap_err().to_string();
    assert!(error.contains("`layer.weight` must have shape [8, 3]"), "{error}");
    assert!(error.contains("found [32768, 32768]"), "{error}");
    assert!(start.elapsed().as_millis() < 2000, "{:?}", start.elapsed());
}

/// A checkpoint of this library: the names are those of the model.
#[test]
fn the_part_of_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ckpt");
    let mut model = Small::new(SmallHparams::default());
    let save = SaveAfterBatch { batch: 2, path: path.clone() };
    let loader = DataLoader::from_batches(crate::support::batches(&[8; 3], 1)).unwrap();
    let mut trainer = Small::quiet().max_epochs(1).limit_val_batches(0).callback(save).build().unwrap();
    trainer.fit(&mut model, loader).unwrap();
    let saved = Small::load_from_checkpoint(&path).unwrap();

    #[lightning_module]
    #[optimizer(SgdConfig::new(), lr = 0.1)]
    struct Other {
        #[init(LinearConfig::new(8, 3).init(device))]
        encoder: Linear,
    }

    #[lightning_module]
    impl Other {
        fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
            self.encoder.forward(batch).mean()
        }
    }

    let file = || Weights::safetensors(&path);
    for (weights, applied) in [
        (file().below("layer").at(Other::ENCODER), 2),
        (file().rename("layer", "encoder"), 2),
        (file().below("layer").at(Other::ENCODER).skip("layer.bias"), 1),
        (file().below("layer").at(Other::ENCODER).skip("bias"), 1),
        // As the file has it.
        (file().below("model.layer").at(Other::ENCODER), 2),
        (file().below("model").rename("layer", "encoder"), 2),
    ] {
        let mut other = Other::new(OtherHparams::default());
        let report = other.load_weights(weights).unwrap();
        assert_eq!(report.applied.len(), applied, "{report}");
        assert!(report.unused.is_empty(), "{report}");
        // The optimizer's tensors are not weights, and not worth a word.
        assert_eq!(report.skipped, if applied == 1 { &["layer.bias"][..] } else { &[] });
        let weight = other.encoder.weight.val().into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(weight, saved.weight());
    }
    let mut other = Other::new(OtherHparams::default());
    let error = other.load_weights(file()).unwrap_err().to_string();
    assert!(error.contains("the file has `layer.bias`, `layer.weight`") && !error.contains("model."), "{error}");
}
