//! The points of curves: those of the documentation of scikit-learn and torchmetrics, and some that
//! are counted by hand.

use burn::tensor::{Device, Int, Tensor};

use crate::{
    error::Result,
    metrics::{Average, Classification, Metric, MetricInput, PrecisionRecallCurve, Roc, ThresholdCurves},
};

const ABOVE: f64 = f64::INFINITY;

fn binary(scores: &[f32], targets: &[i32]) -> Classification {
    let device = Device::default();
    let scores = Tensor::<1>::from_data(scores, &device);
    (scores, Tensor::<1, Int>::from_data(targets, &device)).to_input().expect("a batch")
}

fn curves(mut metric: impl Metric<Input = Classification>, batches: &[Classification]) -> Result<ThresholdCurves> {
    batches.iter().try_for_each(|batch| metric.accumulate(batch))?;
    Ok(metric.compute()?.curves().expect("curves").clone())
}

/// Compares a curve with thresholds and points to six decimals, those of single precision.
#[track_caller]
fn has(curves: &ThresholdCurves, index: usize, expected: &[[f64; 3]]) {
    let found: Vec<[f64; 3]> =
        curves.all()[index].points.iter().map(|point| [point.threshold, point.x, point.y]).collect();
    let is_near = |(a, b): (&f64, &f64)| a == b || (a - b).abs() < 1e-6;
    let is_same =
        found.len() == expected.len() && found.as_flattened().iter().zip(expected.as_flattened()).all(is_near);
    assert!(is_same, "found {found:?}\nexpected {expected:?}");
}

/// The example of scikit-learn's `roc_curve` and `precision_recall_curve`.
#[test]
fn those_of_scikit_learn() -> Result<()> {
    let batches = [binary(&[0.1, 0.4], &[0, 0]), binary(&[0.35, 0.8], &[1, 1])];
    let roc = [[ABOVE, 0.0, 0.0], [0.8, 0.0, 0.5], [0.4, 0.5, 0.5], [0.35, 0.5, 1.0], [0.1, 1.0, 1.0]];
    has(&curves(Roc::new(), &batches)?, 0, &roc);
    // Recall and precision.
    let third = 2.0 / 3.0;
    let expected = [[0.1, 1.0, 0.5], [0.35, 1.0, third], [0.4, 0.5, 0.5], [0.8, 0.5, 1.0], [ABOVE, 0.0, 1.0]];
    has(&curves(PrecisionRecallCurve::new(), &batches)?, 0, &expected);
    Ok(())
}

/// The examples of torchmetrics' `BinaryROC` and `BinaryPrecisionRecallCurve`.
#[test]
fn those_of_torchmetrics() -> Result<()> {
    let batch = [binary(&[0.0, 0.5, 0.7, 0.8], &[0, 1, 1, 0])];
    let roc = [[ABOVE, 0.0, 0.0], [0.8, 0.5, 0.0], [0.7, 0.5, 0.5], [0.5, 0.5, 1.0], [0.0, 1.0, 1.0]];
    has(&curves(Roc::new(), &batch)?, 0, &roc);
    let roc = [[1.0, 0.0, 0.0], [0.75, 0.5, 0.0], [0.5, 0.5, 1.0], [0.25, 0.5, 1.0], [0.0, 1.0, 1.0]];
    has(&curves(Roc::new().thresholds(5), &batch)?, 0, &roc);
    let third = 2.0 / 3.0;
    let expected = [[0.0, 1.0, 0.5], [0.5, 1.0, third], [0.7, 0.5, 0.5], [0.8, 0.0, 0.0], [ABOVE, 0.0, 1.0]];
    has(&curves(PrecisionRecallCurve::new(), &batch)?, 0, &expected);
    let expected =
        [[0.0, 1.0, 0.5], [0.25, 1.0, third], [0.5, 1.0, third], [0.75, 0.0, 0.0], [1.0, 0.0, 0.0], [ABOVE, 0.0, 1.0]];
    has(&curves(PrecisionRecallCurve::new().thresholds(5), &batch)?, 0, &expected);
    Ok(())
}

/// Logits that a softmax makes 1/4, 3/4 and 1/10, 9/10 and 1/2, 1/2; a sigmoid makes 9/10 of ln 9.
#[test]
fn thresholds_are_probabilities() -> Result<()> {
    let device = Device::default();
    let scores = Tensor::<2>::from_data([[0.0, 3.0_f64.ln()], [0.0, 9.0_f64.ln()], [1.0, 1.0]], &device);
    let batch: Classification = (scores, Tensor::<1, Int>::from_data([1, 1, 0], &device)).to_input()?;
    let found = curves(Roc::new().class_names(["cat", "dog"]), std::slice::from_ref(&batch))?;
    has(&found, 0, &[[ABOVE, 0.0, 0.0], [0.5, 0.0, 1.0], [0.25, 0.5, 1.0], [0.1, 1.0, 1.0]]);
    has(&found, 1, &[[ABOVE, 0.0, 0.0], [0.9, 0.0, 0.5], [0.75, 0.0, 1.0], [0.5, 1.0, 1.0]]);
    assert_eq!((found.all()[1].name.as_str(), found.all()[1].area, found.area()), ("dog", 1.0, Some(1.0)));
    let found = curves(Roc::new(), &[binary(&[9.0_f32.ln(), 0.0, -1.0], &[1, 0, 1])])?;
    let low = 1.0 / (1.0 + std::f64::consts::E);
    has(&found, 0, &[[ABOVE, 0.0, 0.0], [0.9, 0.0, 0.5], [0.5, 1.0, 0.5], [low, 1.0, 1.0]]);
    Ok(())
}

#[test]
fn each_label_has_a_curve_and_all_together_one() -> Result<()> {
    let device = Device::default();
    let scores = Tensor::<2>::from_data([[0.9, 0.2], [0.6, 0.4], [0.3, 0.7]], &device);
    let targets = Tensor::<2, Int>::from_data([[1, 0], [0, 0], [1, 0]], &device);
    let batch: Classification = (scores, targets).to_input()?;
    let batch = std::slice::from_ref(&batch);
    let found = curves(Roc::new(), batch)?;
    has(&found, 0, &[[ABOVE, 0.0, 0.0], [0.9, 0.0, 0.5], [0.6, 1.0, 0.5], [0.3, 1.0, 1.0]]);
    // The second label is never true.
    has(&found, 1, &[]);
    assert!(found.all()[1].area.is_nan() && found.all()[1].name == "1");
    assert_eq!(found.area(), Some(0.5));
    let together = curves(PrecisionRecallCurve::new().average(Average::Micro), batch)?;
    let [third, half] = [1.0 / 3.0, 0.5];
    let expected = [
        [0.2, 1.0, third],
        [0.3, 1.0, 0.4],
        [0.4, half, 0.25],
        [0.6, half, third],
        [0.7, half, half],
        [0.9, half, 1.0],
        [ABOVE, 0.0, 1.0],
    ];
    has(&together, 0, &expected);
    let parts = curves(Roc::new().average(Average::PerClass), batch)?;
    assert_eq!((parts.area(), parts.areas().part("0")), (None, Some(0.5)));
    Ok(())
}

#[test]
fn a_nan_or_no_samples_make_no_curve() -> Result<()> {
    let found = curves(Roc::new(), &[binary(&[0.1, f32::NAN, 0.9], &[0, 1, 1])])?;
    assert!(found.all()[0].points.is_empty() && found.area().is_some_and(f64::is_nan));
    assert!(curves(PrecisionRecallCurve::new(), &[])?.all().is_empty());
    Ok(())
}
