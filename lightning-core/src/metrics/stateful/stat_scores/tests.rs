//! Ties, NaN, empty batches, wrong options and mixed batches.

use burn::tensor::{Device, Int, Tensor};

use super::*;
use crate::{
    metrics::{Accuracy, ConfusionMatrix, Metric, MetricInput, Recall},
    tensor::readback,
};

fn labels(labels: &[i32]) -> Tensor<1, Int> {
    Tensor::from_data(labels, &Device::default())
}

fn scores<const N: usize>(rows: [[f32; N]; 2]) -> Tensor<2> {
    Tensor::from_data(rows, &Device::default())
}

#[track_caller]
fn fails<X: Metric<Input = Classification>>(metric: X, input: impl MetricInput<Classification>, expected: &str) {
    let mut metric = metric;
    let error = metric.update(input).map_err(|error| error.to_string());
    assert!(error.as_ref().is_err_and(|text| text.contains(expected)), "{error:?}");
}

#[test]
fn among_equal_scores_the_lower_class_comes_first() -> Result<()> {
    let tied = scores([[1.0, 2.0, 2.0, 0.0]; 2]);
    let hits = |k, targets: [i32; 2]| {
        let mut accuracy = Accuracy::new().top_k(k);
        accuracy.update((&tied, labels(&targets)))?;
        accuracy.compute()
    };
    assert_eq!(hits(1, [1, 2])?.scalar(), Some(0.5));
    assert_eq!(hits(2, [1, 2])?.scalar(), Some(1.0));
    assert_eq!(hits(3, [0, 3])?.scalar(), Some(0.5));
    assert_eq!(hits(4, [0, 3])?.scalar(), Some(1.0));
    Ok(())
}

#[test]
fn a_nan_is_not_a_hit() -> Result<()> {
    let mut accuracy = Accuracy::new().top_k(2);
    accuracy.update((scores([[f32::NAN; 3]; 2]), labels(&[1, 2])))?;
    assert_eq!(accuracy.compute()?.scalar(), Some(0.0));
    Ok(())
}

#[test]
fn nothing_at_all_has_the_value_of_torchmetrics() -> Result<()> {
    assert_eq!(Accuracy::new().compute()?.scalar(), Some(0.0));
    assert_eq!(Recall::new().compute()?.scalar(), Some(0.0));
    let mut empty = Accuracy::new();
    empty.update((Tensor::<2>::zeros([0, 3], &Device::default()), labels(&[])))?;
    assert_eq!(empty.compute()?.scalar(), Some(0.0));
    let mut ignored = Accuracy::new().ignore_index(1);
    ignored.update((scores([[0.1, 0.9]; 2]), labels(&[1, 1])))?;
    assert_eq!(ignored.compute()?.scalar(), Some(0.0));
    assert!(ConfusionMatrix::new().compute().is_err_and(|error| error.to_string().contains("num_classes")));
    Ok(())
}

#[test]
fn settings_that_make_no_sense_are_errors() {
    let rows = || (scores([[0.1, 0.7, 0.2]; 2]), labels(&[0, 1]));
    fails(Accuracy::new().top_k(0), rows(), "found 0 for 3 classes");
    fails(Accuracy::new().top_k(4), rows(), "found 4 for 3 classes");
    fails(Accuracy::new().threshold(1.5), rows(), "`threshold` must be from 0 to 1, found 1.5");
    fails(Recall::new().num_classes(4), rows(), "`num_classes` must be the 3 classes of the scores, found 4");
    fails(Recall::new().class_names(["a"]), rows(), "found 1 names for 3 classes");
    fails(Recall::new(), (labels(&[0, 1]), labels(&[0, 1])), "predicted labels need the number of classes");
    fails(Accuracy::new().top_k(2).num_classes(3), (labels(&[0, 1]), labels(&[0, 1])), "needs the scores");
    fails(
        Recall::new().num_classes(2),
        (labels(&[0, 5]), labels(&[0, 1])),
        "predicted labels must be classes from 0 to 1, found 1 outside of this range",
    );
    fails(
        Recall::new(),
        (scores([[0.1, 0.7, 0.2]; 2]), labels(&[0, -1])),
        "targets must be classes from 0 to 2, found 1 outside of this range",
    );
}

#[test]
fn a_target_that_is_not_a_class_is_found_at_the_end_if_the_device_is_not_waited_for() {
    readback::deferring(true, || {
        let mut recall = Recall::new();
        assert!(recall.update((scores([[0.1, 0.7, 0.2]; 2]), labels(&[0, 3]))).is_ok());
        assert!(recall.compute().is_err_and(|error| {
            error.to_string().contains("targets must be classes from 0 to 2, found 1 outside of this range")
        }));
    });
}

#[test]
fn a_multilabel_task_is_known_by_the_shape_of_the_targets() -> Result<()> {
    let device = Device::default();
    let rows = || scores([[0.9, 0.2, 0.6], [0.1, 0.8, 0.4]]);
    let targets = Tensor::<2, Int>::from_data([[1, 0, 0], [0, 1, 1]], &device);
    let mut accuracy = Accuracy::new();
    accuracy.update((rows(), &targets))?;
    assert_eq!(accuracy.compute()?.scalar(), Some(4.0 / 6.0));
    let mut recall = Recall::new().average(Average::PerClass).class_names(["a", "b", "c"]);
    recall.update((rows(), targets.clone().equal_scalar(1)))?;
    let value = recall.compute()?;
    assert_eq!((value.part("b"), value.part("c")), (Some(1.0), Some(0.0)));
    let mut confusion = ConfusionMatrix::new();
    confusion.update((rows(), &targets))?;
    let MetricValue::Matrices(matrices) = confusion.compute()? else { panic!("a matrix for each label") };
    assert_eq!(matrices.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["0", "1", "2"]);
    // The third label was predicted for the wrong sample.
    let third: Vec<f64> = matrices[2].1.rows().flatten().copied().collect();
    assert_eq!(third, [0.0, 1.0, 1.0, 0.0]);
    fails(Accuracy::new(), (rows(), targets.clone() + 1), "targets must be classes from 0 to 1");
    fails(Accuracy::new().top_k(2), (rows(), &targets), "needs the scores");
    fails(
        Recall::new().num_classes(4),
        (rows(), &targets),
        "`num_classes` must be the 3 classes of the scores, found 4",
    );
    fails(recall, (rows(), labels(&[0, 1])), "found a batch of 3 classes after batches of 3 labels");
    Ok(())
}

#[test]
fn batches_and_metrics_of_other_classes_do_not_mix() -> Result<()> {
    let mut three = Recall::new();
    three.update((scores([[0.1, 0.7, 0.2]; 2]), labels(&[0, 1])))?;
    let two = (scores([[0.1, 0.9]; 2]), labels(&[0, 1]));
    fails(three.clone(), (two.0.clone(), two.1.clone()), "found a batch of 2 classes after batches of 3 classes");
    let mut other = Recall::new();
    other.update(two)?;
    assert!(three.merge(&other).is_err_and(|error| error.to_string().contains("2 classes")));
    assert!(three.load_state(&json!({ "task": "multiclass", "classes": 3, "counts": [1, 2] })).is_err());
    assert!(three.load_state(&json!({ "task": "binary", "classes": 3, "counts": vec![0; 15] })).is_err());
    Ok(())
}
