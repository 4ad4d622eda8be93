//! Options and batches that make no curve; NaN, large logits, absent classes, empty batches.

use burn::tensor::{Device, Int, Tensor};

use super::*;
use crate::metrics::{Auroc, AveragePrecision, Metric, MetricInput};

#[track_caller]
fn fails(mut metric: Auroc, input: impl MetricInput<Classification>, expected: &str) {
    let error = metric.update(input).map_err(|error| error.to_string());
    assert!(error.as_ref().is_err_and(|text| text.contains(expected)), "{error:?}");
}

#[test]
fn batches_without_a_curve_are_errors() -> Result<()> {
    let device = Device::default();
    let scores = || Tensor::<2>::from_data([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]], &device);
    let labels = |labels: [i32; 2]| Tensor::<1, Int>::from_data(labels, &device);
    fails(Auroc::new(), (labels([0, 1]), labels([0, 1])), "found predicted labels");
    fails(
        Auroc::new().average(Average::Micro),
        (scores(), labels([0, 1])),
        "`Average::Micro` of ranked scores needs a target per label",
    );
    fails(
        Auroc::new().thresholds(1),
        (scores(), labels([0, 1])),
        "at least two numbers from 0 to 1, found a list of length 1",
    );
    fails(Auroc::new().threshold_list([0.5, 1.5]), (scores(), labels([0, 1])), "from 0 to 1, found 1.5");
    fails(Auroc::new().class_names(["a"]), (scores(), labels([0, 1])), "found 1 names for 3 classes");
    for metric in [Auroc::new(), Auroc::new().thresholds(5)] {
        fails(
            metric.clone(),
            (scores(), labels([0, 3])),
            "targets must be classes from 0 to 2, found 1 outside of this range",
        );
        let each = Tensor::<2, Int>::from_data([[0, 1, 2], [1, 0, 3]], &device);
        fails(metric, (scores(), each), "targets must be classes from 0 to 1, found 2 outside of this range");
    }
    let mut several = Auroc::new();
    several.update((scores(), scores().greater_scalar(0.5)))?;
    fails(several, (scores(), labels([0, 1])), "found a batch of 3 classes after batches of 3 labels");
    Ok(())
}

fn value<X: Metric>(metric: &X, batches: impl IntoIterator<Item = X::Input>) -> Result<MetricValue> {
    let mut metric = metric.clone();
    batches.into_iter().try_for_each(|batch| metric.accumulate(&batch))?;
    metric.compute()
}

fn binary(scores: &[f64], targets: &[i32]) -> Classification {
    let device = Device::default();
    let scores = Tensor::<1>::from_data(scores, &device);
    (scores, Tensor::<1, Int>::from_data(targets, &device)).to_input().expect("a batch")
}

fn multiclass<const N: usize, const C: usize>(scores: [[f64; C]; N], targets: [i32; N]) -> Classification {
    let device = Device::default();
    let scores = Tensor::<2>::from_data(scores, &device);
    (scores, Tensor::<1, Int>::from_data(targets, &device)).to_input().expect("a batch")
}

#[track_caller]
fn is_nan(value: Result<MetricValue>) {
    assert!(matches!(value, Ok(MetricValue::Scalar(value)) if value.is_nan()), "{value:?}");
}

/// The order of samples does not matter, and neither does the sign of a NaN.
#[test]
fn a_nan_score_makes_the_area_nan() -> Result<()> {
    for nan in [f64::NAN, -f64::NAN] {
        let batch = || binary(&[0.1, nan, 0.35, 0.8], &[0, 0, 1, 1]);
        is_nan(value(&Auroc::new(), [batch()]));
        is_nan(value(&AveragePrecision::new(), [batch()]));
        is_nan(value(&Auroc::new().thresholds(5), [batch()]));
        is_nan(value(&AveragePrecision::new().probabilities().thresholds(5), [batch()]));
    }
    // Where its target is ignored, it does not count.
    let ignored = binary(&[0.1, f64::NAN, 0.35, 0.8], &[0, -1, 1, 1]);
    for metric in [Auroc::new().ignore_index(-1), Auroc::new().ignore_index(-1).thresholds(101)] {
        assert_eq!(value(&metric, [ignored.clone()])?.scalar(), Some(1.0));
    }
    // One class of several.
    let scores = [[f64::NAN, 0.1], [0.3, 0.6], [0.8, 0.2]];
    let labels = Tensor::<2, Int>::from_data([[0, 0], [0, 1], [1, 0]], &Device::default());
    let batch: Classification = (Tensor::<2>::from_data(scores, &Device::default()), labels).to_input()?;
    for metric in [Auroc::new(), Auroc::new().thresholds(11)] {
        let parts = value(&metric.clone().average(Average::PerClass), [batch.clone()])?;
        assert!(parts.part("0").is_some_and(f64::is_nan) && parts.part("1") == Some(1.0), "{parts:?}");
        is_nan(value(&metric, [batch.clone()]));
    }
    Ok(())
}

/// sigmoid(17.5) and sigmoid(18.5) are 1 in float32.
#[test]
fn large_logits_keep_their_ranks() -> Result<()> {
    let batch = || binary(&[17.5, 18.5, 19.5, 20.5], &[0, 0, 1, 1]);
    assert_eq!(value(&Auroc::new(), [batch()])?.scalar(), Some(1.0));
    assert_eq!(value(&AveragePrecision::new(), [batch()])?.scalar(), Some(1.0));
    // softmax([40, 0]) and softmax([60, 0]) are 1 as well.
    let scores = [[40.0, 0.0], [50.0, 0.0], [60.0, 0.0], [70.0, 0.0]];
    assert_eq!(value(&Auroc::new(), [multiclass(scores, [1, 1, 0, 0])])?.scalar(), Some(1.0));
    // Probabilities that differ in float64 only.
    let device = Device::default();
    let scores = Tensor::<1>::from_data([1.0 - 1e-12, 1.0 - 1e-13], (&device, burn::tensor::DType::F64));
    let batch: Classification = (scores, Tensor::<1, Int>::from_data([0, 1], &device)).to_input()?;
    assert_eq!(value(&Auroc::new(), [batch])?.scalar(), Some(1.0));
    Ok(())
}

#[test]
fn a_class_without_targets_has_no_area() -> Result<()> {
    for targets in [[0, 0, 0], [1, 1, 1]] {
        is_nan(value(&Auroc::new(), [binary(&[0.1, 0.7, 0.3], &targets)]));
        is_nan(value(&Auroc::new().thresholds(5), [binary(&[0.1, 0.7, 0.3], &targets)]));
    }
    is_nan(value(&AveragePrecision::new(), [binary(&[0.1, 0.7, 0.3], &[0, 0, 0])]));
    is_nan(value(&AveragePrecision::new().thresholds(5), [binary(&[0.1, 0.7, 0.3], &[0, 0, 0])]));
    // Every prediction is right, and class 2 is never a target.
    let batch = || multiclass([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1]], [0, 1, 1]);
    for metric in [Auroc::new(), Auroc::new().average(Average::Weighted), Auroc::new().thresholds(11)] {
        assert_eq!(value(&metric, [batch()])?.scalar(), Some(1.0));
    }
    for metric in [AveragePrecision::new(), AveragePrecision::new().thresholds(11)] {
        assert_eq!(value(&metric, [batch()])?.scalar(), Some(1.0));
    }
    let parts = value(&Auroc::new().average(Average::PerClass), [batch()])?;
    assert!(parts.part("2").is_some_and(f64::is_nan));
    Ok(())
}

/// −1, 0, 1 are logits, however they are batched: 0.5 for the targets 1, 0, 1.
#[test]
fn one_decision_for_an_epoch() -> Result<()> {
    let whole = || vec![binary(&[-1.0, 0.0, 1.0], &[1, 0, 1])];
    let each = || vec![binary(&[-1.0], &[1]), binary(&[0.0], &[0]), binary(&[1.0], &[1])];
    for metric in [Auroc::new(), Auroc::new().thresholds(21)] {
        assert_eq!(value(&metric, whole())?.scalar(), Some(0.5));
        assert_eq!(value(&metric, each())?.scalar(), Some(0.5));
        // A part that alone would be probabilities, merged and resumed.
        let (mut first, mut second) = (metric.clone(), metric.clone());
        first.accumulate(&each()[1])?;
        let state = first.state()?;
        second.accumulate(&each()[0])?;
        second.accumulate(&each()[2])?;
        first.merge(&second)?;
        assert_eq!(first.compute()?.scalar(), Some(0.5));
        let mut resumed = metric.clone();
        resumed.load_state(&state, &Device::default())?;
        resumed.accumulate(&each()[0])?;
        resumed.accumulate(&each()[2])?;
        assert_eq!(resumed.compute()?.scalar(), Some(0.5));
    }
    Ok(())
}

#[test]
fn empty_batches_count_nothing() -> Result<()> {
    let device = Device::default();
    let empty = || binary(&[], &[]);
    let full = || binary(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1]);
    for metric in [Auroc::new(), Auroc::new().thresholds(201)] {
        is_nan(value(&metric, [empty()]));
        assert_eq!(value(&metric, [empty(), full(), empty()])?.scalar(), Some(0.75));
    }
    is_nan(value(&AveragePrecision::new(), [empty()]));
    let none: Classification =
        (Tensor::<2>::zeros([0, 3], &device), Tensor::<1, Int>::zeros([0], &device)).to_input()?;
    is_nan(value(&AveragePrecision::new(), [none]));
    let none: Classification =
        (Tensor::<2>::zeros([0, 3], &device), Tensor::<2, Int>::zeros([0, 3], &device)).to_input()?;
    is_nan(value(&AveragePrecision::new().average(Average::Micro), [none]));
    Ok(())
}
