//! The models of the example programs, exported and compared.

use burn::prelude::*;
use lightning_core::{Batch, LightningModule};
use lightning_examples::classifier::{Classifier, ClassifierHparams};

use crate::onnx_support::{TOLERANCE, agrees_with_tract, disturbed, floats, ints, values};

#[allow(dead_code, unused_qualifications, reason = "a program of its own")]
#[path = "../../examples/src/bin/char_lm.rs"]
mod char_lm;
#[allow(dead_code, unused_qualifications, reason = "a program of its own")]
#[path = "../../examples/src/bin/digits.rs"]
mod digits;
#[allow(dead_code, unused_qualifications, reason = "a program of its own")]
#[path = "../../examples/src/bin/fashion_mnist.rs"]
mod fashion_mnist;
#[allow(dead_code, unused_qualifications, reason = "a program of its own")]
#[path = "../../examples/src/bin/gan.rs"]
mod gan;
#[allow(dead_code, unused_qualifications, reason = "a program of its own")]
#[path = "../../examples/src/bin/seq2seq.rs"]
mod seq2seq;
#[allow(dead_code, unused_qualifications, reason = "a program of its own")]
#[path = "../../examples/src/bin/tabular.rs"]
mod tabular;

/// Exports what `to_onnx` takes by itself, and compares batches of 1, 2 and 5.
fn check<M: LightningModule, B: Batch>(model: M, make: impl Fn(usize) -> B) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let model = disturbed(model);
    let before = values(&model);
    model.to_onnx(&path, &make(3)).unwrap();
    assert_eq!(before, values(&model), "an export changed the model");
    for size in [1, 2, 5] {
        let batch = make(size);
        let sample = model.onnx(&batch).sample().unwrap();
        let worst = agrees_with_tract(&path, &sample).unwrap();
        assert!(worst <= TOLERANCE, "{} with {size} rows: {worst:e}", M::NAME);
    }
}

#[test]
fn the_models_of_digits_mnist_and_fashion_mnist_agree() {
    check(digits::Digits::new(digits::DigitsHparams::default()), |size| floats([size, 64]));
    check(Classifier::new(ClassifierHparams::default()), |size| floats([size, 784]));
    let fashion = fashion_mnist::FashionCnn::new(fashion_mnist::FashionCnnHparams::default());
    check(fashion, |size| floats([size, 1, 28, 28]));
}

#[test]
fn the_model_of_tabular_agrees() {
    check(tabular::PenguinNet::new(tabular::PenguinNetHparams::default()), |size| floats([size, 11]));
}

#[test]
fn the_model_of_char_lm_agrees() {
    check(char_lm::Gpt::new(char_lm::GptHparams::default()), |size| ints([size, 64], 65));
}

#[test]
fn the_generator_of_gan_agrees() {
    check(gan::Gan::new(gan::GanHparams::default()), |size| floats([size, 64]));
}

#[test]
fn the_model_of_seq2seq_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let hparams = seq2seq::TranslatorHparams::default().with_words(50);
    let model = disturbed(seq2seq::Translator::new(hparams));
    let step = |model: &seq2seq::Translator,
                (source, pad, target): (Tensor<2, Int>, Tensor<2, Bool>, Tensor<2, Int>)| {
        model.decoded(source, pad, target)
    };
    let make = |size: usize| (ints([size, 7], 50), ints([size, 7], 6).equal_elem(3), ints([size, 5], 50));
    model.onnx(&make(3)).step(step).save(&path).unwrap();
    for size in [1, 2, 5] {
        let batch = make(size);
        let sample = model.onnx(&batch).step(step).sample().unwrap();
        let worst = agrees_with_tract(&path, &sample).unwrap();
        assert!(worst <= TOLERANCE, "{size} rows: {worst:e}");
    }
    // Its `predict_step` reads the words that it has predicted.
    let error = model.to_onnx(&path, &make(3)).unwrap_err();
    assert_eq!(error.kind(), lightning_core::ErrorKind::Export, "{error}");
}
