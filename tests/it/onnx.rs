//! Exporting a module as an ONNX file: names, free sizes, errors, and that the model is untouched.

use std::{fs, path::Path};

use burn::{nn::*, optim::SgdConfig, prelude::*, tensor::activation::relu};
use lightning_core::{ErrorKind, LightningModule, prelude::*};

use crate::{
    onnx_cases::Case,
    onnx_models::Gpt,
    onnx_support::{TOLERANCE, agrees_with_tract, floats, ints, values},
};

#[derive(Batch, Clone, Debug)]
pub struct Images {
    pub images: Tensor<4>,
    pub targets: Tensor<1, Int>,
}

#[derive(Batch, Clone, Debug)]
pub struct Scores {
    pub logits: Tensor<2>,
    pub class: Tensor<1, Int>,
}

/// A small convolutional network with a running statistic.
#[lightning_module]
#[optimizer(SgdConfig::new(), lr = lr)]
pub struct Net {
    #[init(conv::Conv2dConfig::new([1, 4], [3, 3]).init(device))]
    conv: conv::Conv2d,
    #[init(BatchNormConfig::new(4).init(device))]
    norm: BatchNorm,
    #[init(LinearConfig::new(4 * 6 * 6, 3).init(device))]
    fc: Linear,
    #[hparam(default = 0.1)]
    lr: f64,
}

#[lightning_module]
impl Net {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.norm.forward(self.conv.forward(images)));
        self.fc.forward(x.flatten::<2>(1, 3))
    }
    fn training_step(&self, batch: Images) -> Tensor<1> {
        #[log(minimize)]
        let train_loss = cross_entropy(self.forward(batch.images), batch.targets);
        train_loss
    }
}

/// A module whose `predict_step` is exported.
#[lightning_module]
pub struct Predictor {
    #[init(LinearConfig::new(6, 3).init(device))]
    fc: Linear,
}

#[derive(Batch, Clone, Debug)]
pub struct Rows {
    #[batch(size)]
    x: Tensor<2>,
    #[batch(host)]
    names: Vec<String>,
}

#[lightning_module]
impl Predictor {
    fn predict_step(&self, batch: Rows) -> Scores {
        let logits = self.fc.forward(batch.x);
        Scores { class: logits.clone().argmax(1).squeeze_dim::<1>(1), logits }
    }
}

fn net() -> Net {
    seed_everything(3);
    Net::new(NetHparams::default())
}

fn images(size: usize) -> Images {
    Images { images: floats([size, 1, 8, 8]), targets: ints([size], 3) }
}

/// The names of the inputs and outputs, as tract reads them.
fn names(path: &Path) -> (Vec<String>, Vec<String>) {
    use tract_onnx::prelude::Framework;
    let proto = tract_onnx::onnx().proto_model_for_path(path).unwrap();
    let graph = proto.graph.unwrap();
    let names = |list: &[tract_onnx::pb::ValueInfoProto]| list.iter().map(|info| info.name.clone()).collect();
    (names(&graph.input), names(&graph.output))
}

#[test]
fn forward_takes_the_fields_of_its_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let model = net();
    model.to_onnx(&path, &images(4)).unwrap();
    assert_eq!(names(&path), (vec!["images".to_owned()], vec!["output".to_owned()]));
    for size in [1, 2, 5] {
        let batch = images(size);
        let sample = model.onnx(&batch).sample().unwrap();
        assert_eq!(sample.inputs.len(), 1);
        assert_eq!(sample.outputs[0].1, model.clone().valid().forward(batch.images).into_data());
        assert!(agrees_with_tract(&path, &sample).unwrap() <= TOLERANCE);
    }
    // The parameter alone is an example too, and its name is kept.
    model.to_onnx(&path, &floats([2, 1, 8, 8])).unwrap();
    assert_eq!(names(&path).0, ["images"]);
    // Only the files that were asked for.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_derived_struct_names_the_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.onnx");
    let model = Predictor::new(PredictorHparams {});
    let rows = |size| Rows { x: floats([size, 6]), names: vec!["a".to_owned(); size] };
    model.to_onnx(&path, &rows(4)).unwrap();
    assert_eq!(names(&path), (vec!["x".to_owned()], vec!["logits".to_owned(), "class".to_owned()]));
    let sample = model.onnx(&rows(5)).sample().unwrap();
    assert!(agrees_with_tract(&path, &sample).unwrap() <= TOLERANCE);
    let step = |model: &Predictor, batch: Rows| (model.fc.forward(batch.x.clone()), model.fc.forward(batch.x * 2));
    model.onnx(&rows(3)).step(step).outputs(["once", "twice"]).save(&path).unwrap();
    assert_eq!(names(&path).1, ["once", "twice"]);
    model.onnx(&rows(3)).step(step).save(&path).unwrap();
    assert_eq!(names(&path).1, ["output.0", "output.1"]);
    let error = model.onnx(&rows(3)).step(step).outputs(["once"]).save(&path).unwrap_err().to_string();
    assert!(error.contains("found 1 names for 2 results"), "{error}");
}

#[test]
fn an_export_leaves_the_model_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = net();
    let data = || DataLoader::from_batches(vec![images(4); 3]).unwrap();
    let mut trainer = Net::trainer().max_epochs(1).no_logger().enable_checkpointing(false).build().unwrap();
    trainer.fit(&mut model, data()).unwrap();
    let before = values(&model);
    assert!(before.iter().any(|(path, _)| path == "norm.running_mean"), "{before:?}");
    model.to_onnx(folder.path().join("net.onnx"), &images(4)).unwrap();
    assert_eq!(before, values(&model));
    let mut trainer = Net::trainer().max_epochs(1).no_logger().enable_checkpointing(false).build().unwrap();
    trainer.fit(&mut model, data()).unwrap();
    let changed = |path: &str, values: &[(String, TensorData)]| {
        values.iter().find(|(name, _)| name == path).map(|(_, data)| data.clone()).unwrap()
    };
    for path in ["conv.weight", "norm.running_mean"] {
        assert_ne!(changed(path, &before), changed(path, &values(&model)), "{path}");
    }
}

#[test]
fn the_metadata_and_the_parameters_have_names() {
    use tract_onnx::prelude::Framework;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    net().onnx(&images(2)).metadata("note", "a").save(&path).unwrap();
    let proto = tract_onnx::onnx().proto_model_for_path(&path).unwrap();
    let metadata: Vec<_> = proto.metadata_props.iter().map(|pair| (pair.key.as_str(), pair.value.as_str())).collect();
    assert!(metadata.contains(&("module", "Net")) && metadata.contains(&("note", "a")), "{metadata:?}");
    assert!(metadata.contains(&("hparams", r#"{"lr":0.1}"#)), "{metadata:?}");
    assert_eq!(proto.opset_import[0].version, 18);
    let graph = proto.graph.unwrap();
    let initializers: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    for name in ["conv.weight", "norm.running_var", "fc.bias"] {
        assert!(initializers.contains(&name), "{initializers:?}");
    }
    assert!(graph.node.iter().any(|node| node.name.starts_with("/conv/Conv_")), "named by field");
}

#[test]
fn large_models_have_their_values_in_a_second_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let model = net();
    model.onnx(&images(2)).external_above(1000).save(&path).unwrap();
    let data = fs::read(folder.path().join("net.onnx.data")).unwrap();
    // 432 × 3 floats of `fc.weight`: the only values of more than 1,024 bytes.
    assert_eq!(data.len(), 4 * 6 * 6 * 3 * 4);
    let weight = values(&model).into_iter().find(|(name, _)| name == "fc.weight").unwrap().1;
    assert_eq!(data, weight.as_bytes());
    let sample = model.onnx(&images(5)).sample().unwrap();
    assert!(agrees_with_tract(&path, &sample).unwrap() <= TOLERANCE);
}

#[test]
fn a_length_can_be_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gpt.onnx");
    let model = Case { net: Gpt::new(&Device::default()) };
    let step = |model: &Case<Gpt>, tokens: Tensor<2, Int>| model.net.forward(tokens, None);
    model.onnx(&ints([2, 8], 50)).step(step).free_axis("length", [("batch", 1)]).save(&path).unwrap();
    for (rows, length) in [(1, 1), (2, 12), (5, 7), (3, 16)] {
        let batch = ints([rows, length], 50);
        let sample = model.onnx(&batch).step(step).sample().unwrap();
        let worst = agrees_with_tract(&path, &sample).unwrap();
        assert!(worst <= TOLERANCE, "{rows} rows of length {length}: {worst:e}");
    }
    let error = |axis| {
        model
            .onnx(&ints([2, 8], 50))
            .step(step)
            .free_axis("length", [("batch", axis)])
            .save(&path)
            .unwrap_err()
            .to_string()
    };
    assert!(error(2).contains("must be from 1 to 1, found 2"), "{}", error(2));
    let error = model.onnx(&ints([2, 3], 50)).step(step).free_axis("length", [("batch", 1)]).save(&path).unwrap_err();
    assert!(error.to_string().contains("at least 4 in the example, found 3"), "{error}");
}

/// A linear layer, and a step that does something else with its result.
fn refused<O: lightning_core::module::OnnxOutput>(step: impl Fn(&Linear, Tensor<2>) -> O) -> lightning_core::Error {
    let folder = tempfile::tempdir().unwrap();
    let model = Case { net: LinearConfig::new(6, 6).init(&Device::default()) };
    let before = values(&model);
    let example = floats([4, 6]);
    let saved = model.onnx(&example).step(|model, x| step(&model.net, x)).save(folder.path().join("net.onnx"));
    let error = saved.expect_err("the export must be refused");
    assert_eq!(error.kind(), ErrorKind::Export, "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was written");
    assert_eq!(before, values(&model));
    // The capture device can be used again.
    model.onnx(&example).step(|model, x| model.net.forward(x)).save(folder.path().join("net.onnx")).unwrap();
    error
}

fn assert_says(error: &lightning_core::Error, parts: &[&str]) {
    let text = format!("{error:?}");
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn steps_that_read_values_are_refused() {
    let error = refused(|net, x| {
        let largest: f32 = net.forward(x.clone()).max().into_scalar();
        x * largest
    });
    assert_says(&error, &["`step` reads the value of a tensor", "mask_where"]);
    // The silent trap: the values of an input are known while it is recorded.
    let error = refused(|net, x| {
        let first = x.clone().into_data().iter::<f32>().next().unwrap();
        net.forward(x) * first
    });
    assert_says(&error, &["`step` reads the value of a tensor"]);
    let error = refused(|net, x| net.forward(x).argmax(1).squeeze_dim::<1>(1).one_hot::<2>(6).float());
    assert_says(&error, &["reads the value of a tensor", "`arange` in place of `one_hot`"]);
    let error = refused(|net, x| match net.forward(x.clone()).sum().into_scalar::<f32>() > 0.0 {
        true => x.clone(),
        false => x * 2,
    });
    assert_says(&error, &["reads the value of a tensor"]);
}

#[test]
fn sizes_that_are_no_function_of_the_batch_are_refused() {
    let rows = |x: &Tensor<2>| x.dims()[0];
    let error = refused(|net, x| {
        Tensor::cat((0..rows(&x)).map(|row| net.forward(x.clone()).slice(s![row..row + 1])).collect(), 0)
    });
    assert_says(
        &error,
        &["the number of operations must not depend on the batch size", "for 2 rows", "for 7 rows", ".fixed_batch()"],
    );
    // The silent trap: 2 for batches of 2 and of 7.
    let error = refused(|net, x| {
        let factor = rows(&x).min(2) as f32;
        net.forward(x) * factor
    });
    assert_says(&error, &["`MulScalar`", "depends on the batch size, found 2 for 2 rows, 2 for 7 rows, 1 for 1 row"]);
    let error = refused(|net, x| net.forward(x.clone()).slice(s![0..rows(&x).min(2)]) * 2);
    assert_says(&error, &["Slice", "2 for 2 rows, 2 for 7 rows, 1 for 1 row"]);
    let error = refused(|net, x| {
        let y = net.forward(x);
        let b = rows(&y);
        y.clone().matmul(y.transpose()).reshape([b * b])
    });
    assert_says(&error, &["Reshape", "4 for 2 rows, 49 for 7 rows"]);
    let error = refused(|net, x| {
        let b = rows(&x);
        let values: Vec<f32> = (0..b).map(|row| (row * row) as f32).collect();
        net.forward(x.clone()) * Tensor::<1>::from_floats(values.as_slice(), &x.device()).reshape([b, 1])
    });
    assert_says(&error, &["makes on the host for the batch size", "a field of the batch"]);
}

#[test]
fn operations_that_onnx_lacks_are_named_with_their_field() {
    let error = refused(|net, x| net.forward(x).cumprod(1));
    assert_says(&error, &["`CumProd`", "cannot be exported: ONNX has no operator for it", "cumsum"]);
    let error = refused(|net, x| {
        let y = net.forward(x);
        let noise = Tensor::random(y.dims(), burn::tensor::Distribution::Default, &y.device());
        net.forward(y + noise)
    });
    assert_says(&error, &["random numbers", "one result for one input"]);
    let error = refused(|net, x| {
        let ones = Tensor::<2>::ones([1, 6], &Device::default());
        net.forward(x) + ones
    });
    assert_says(&error, &["`step` computes with a tensor that was made on another device", "x.device()"]);
    let error = refused(|net, x| {
        x.device().seed(1);
        net.forward(x)
    });
    assert_says(&error, &["seeds the random numbers"]);
    let error = refused(|_, _| 3_usize);
    assert_says(&error, &["`step` must return tensors, found no tensor"]);
    let error = refused(|_, _| -> Result<Tensor<2>> { Err(lightning_core::Error::msg("no model today")) });
    assert_says(&error, &["`step` failed while it was recorded", "no model today"]);
}

#[test]
fn examples_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let model = net();
    let error = model.to_onnx(&path, &(floats([4, 64]), 3_usize)).unwrap_err();
    assert_says(&error, &["the example must have", "found `0`"]);
    let error = model.to_onnx(&path, &floats([4, 64])).unwrap_err();
    assert_says(&error, &["must be a tensor of 4 dimensions of kind Float, found 2"]);
    let case = Case { net: LinearConfig::new(6, 6).init(&Device::default()) };
    let error = case.to_onnx(&path, &floats([4, 6])).unwrap_err();
    assert_says(&error, &["`Case` must have `predict_step` or `forward`", ".step("]);
    let error = case.to_onnx(&path, &"no tensor".to_owned()).unwrap_err();
    assert_says(&error, &["an example must have a batch size"]);
    let missing = folder.path().join("missing/net.onnx");
    assert_eq!(model.to_onnx(&missing, &images(2)).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_full_disk_is_an_error() {
    if !Path::new("/dev/full").exists() {
        println!("skipped: there is no /dev/full");
        return;
    }
    let error = net().to_onnx("/dev/full", &images(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
}

#[test]
fn a_file_that_cannot_be_completed_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    fs::write(&path, "the old model").unwrap();
    // The second file cannot be written where a folder has its name.
    fs::create_dir(folder.path().join("net.onnx.data")).unwrap();
    let error = net().onnx(&images(2)).external_above(1000).save(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "the old model");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a part of a file was left");
}

#[test]
fn a_fixed_batch_exports_what_a_free_one_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let model = Case { net: LinearConfig::new(6, 6).init(&Device::default()) };
    let step = |model: &Case<Linear>, x: Tensor<2>| {
        let rows = x.dims()[0];
        Tensor::cat((0..rows).map(|row| model.net.forward(x.clone()).slice(s![row..row + 1]) * row as f32).collect(), 0)
    };
    let example = floats([3, 6]);
    model.onnx(&example).step(step).fixed_batch().save(&path).unwrap();
    let sample = model.onnx(&example).step(step).sample().unwrap();
    assert!(agrees_with_tract(&path, &sample).unwrap() <= TOLERANCE);
    let error = model.onnx(&example).step(step).fixed_batch().free_axis("n", [("batch", 1)]).save(&path).unwrap_err();
    assert_says(&error, &["`free_axis` and `fixed_batch` exclude each other"]);
}
