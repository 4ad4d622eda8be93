//! Every metric against torchmetrics: the numbers are those of `tests/reference/metrics.py` and
//! `metrics_more.py`.

mod compare;
mod more;

use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Accuracy, Auroc, Average, AveragePrecision, Bleu, Classification, ClassificationMetric, ConfusionMatrix,
    CurveMetric, FBeta, MeanAbsoluteError, MeanSquaredError, MultiOutput, Normalize, Perplexity, Precision,
    PrecisionRecallCurve, R2Score, Recall, Regression, Roc, RootMeanSquaredError, TokenScores, Translations,
    classification_metric::ClassScore, curve_metric::CurveArea, curves::evenly,
};
use crate::{
    metrics::{Metric, MetricInput, MetricValue},
    tensor::readback,
};

#[derive(Deserialize)]
struct Reference {
    classification: Vec<Case>,
    confusion: Vec<Case>,
    curves: Vec<Case>,
    regression: Vec<Case>,
    perplexity: Vec<Case>,
    bleu: Vec<Case>,
    data: Vec<Vec<Value>>,
    linspace: std::collections::BTreeMap<String, Vec<f32>>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    metric: String,
    #[serde(default)]
    form: String,
    expected: Vec<Option<f64>>,
    data: usize,
    average: Option<String>,
    num_classes: Option<usize>,
    top_k: Option<usize>,
    threshold: Option<f64>,
    thresholds: Option<Value>,
    ignore_index: Option<i64>,
    beta: Option<f64>,
    zero_division: Option<f64>,
    normalize: Option<String>,
    adjusted: Option<u64>,
    multi_output: Option<String>,
    n_gram: Option<usize>,
    smooth: Option<bool>,
    weights: Option<Vec<f64>>,
    kappa: Option<String>,
    norm: Option<String>,
    bins: Option<usize>,
    data_range: Option<f64>,
    empty: Option<String>,
    references: Option<String>,
    score: Option<String>,
}

fn reference() -> Reference {
    let text = include_str!("../../../../tests/reference/metrics.json");
    serde_json::from_str(text).expect("the reference numbers")
}

fn floats(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(floats).collect(),
        number => vec![number.as_f64().expect("a number")],
    }
}

fn dims(value: &Value) -> Vec<usize> {
    match value {
        Value::Array(list) => std::iter::once(list.len()).chain(list.first().map(dims).unwrap_or_default()).collect(),
        _ => Vec::new(),
    }
}

fn real<const D: usize>(value: &Value) -> Tensor<D> {
    Tensor::from_data(TensorData::new(floats(value), dims(value)), &Device::default())
}

fn whole<const D: usize>(value: &Value) -> Tensor<D, Int> {
    let integers: Vec<i64> = floats(value).into_iter().map(|value| value as i64).collect();
    Tensor::from_data(TensorData::new(integers, dims(value)), &Device::default())
}

fn classification(form: &str, batch: &Value) -> Classification {
    let predictions = &batch["predictions"];
    let targets = || whole::<1>(&batch["targets"]);
    match form {
        "scores" => (real::<2>(predictions), &targets()).to_input(),
        "binary" => (&real::<1>(predictions), targets()).to_input(),
        "labels" => (whole::<1>(predictions), targets()).to_input(),
        "multilabel" => (real::<2>(predictions), whole::<2>(&batch["targets"])).to_input(),
        "pixels" => (real::<4>(predictions), whole::<3>(&batch["targets"])).to_input(),
        other => panic!("form {other}"),
    }
    .expect("a classification")
}

fn regression(batch: &Value) -> Regression {
    match dims(&batch["targets"]).len() {
        1 => (real::<1>(&batch["predictions"]), real::<1>(&batch["targets"])).to_input(),
        4 => (real::<4>(&batch["predictions"]), real::<4>(&batch["targets"])).to_input(),
        _ => (real::<2>(&batch["predictions"]), real::<2>(&batch["targets"])).to_input(),
    }
    .expect("a regression")
}

fn values(value: &MetricValue) -> Vec<f64> {
    match value {
        MetricValue::Scalar(value) => vec![*value],
        MetricValue::Named(parts) => parts.iter().map(|(_, value)| *value).collect(),
        MetricValue::Curves(curves) => values(curves.areas()),
        MetricValue::Matrix(_) | MetricValue::Matrices(_) => {
            value.tables().flat_map(|(_, matrix)| matrix.rows().flatten().copied().collect::<Vec<_>>()).collect()
        }
    }
}

/// Computes the case in every way that must give the same number: read at once, kept on the device,
/// merged, and resumed after each batch.
fn check<X: Metric>(case: &Case, metric: &X, inputs: &[X::Input]) {
    let name = &case.name;
    let updated = |inputs: &[X::Input]| {
        let mut metric = metric.clone();
        inputs.iter().try_for_each(|input| metric.accumulate(input)).unwrap_or_else(|error| panic!("{name}: {error}"));
        metric
    };
    let value = |metric: &mut X| values(&metric.compute().unwrap_or_else(|error| panic!("{name}: {error}")));
    let found = value(&mut updated(inputs));
    assert_eq!(found.len(), case.expected.len(), "{name}");
    for (found, expected) in found.iter().zip(&case.expected) {
        let close = match expected {
            Some(expected) => (found - expected).abs() <= 2e-6 * expected.abs().max(1.0),
            None => found.is_nan(),
        };
        assert!(close, "{name}: found {found}, torchmetrics has {expected:?}");
    }
    let same = |what: &str, other: &[f64]| {
        let equal = found.iter().zip(other).all(|(a, b)| (a - b).abs() <= 1e-9 || a.is_nan() && b.is_nan());
        assert!(equal && found.len() == other.len(), "{name}, {what}: {other:?} in place of {found:?}");
    };

    readback::deferring(true, || {
        let before = readback::waits();
        let mut waiting = updated(inputs);
        assert_eq!(readback::waits(), before, "{name}: an update waits for the device");
        same("on the device", &value(&mut waiting));
        let mut twice = updated(inputs);
        assert_eq!(bits(&value(&mut twice)), bits(&value(&mut twice)), "{name}: computing changes nothing");
    });

    for cut in 0..=inputs.len() {
        let (first, second) = inputs.split_at(cut);
        // The two states may be on different devices.
        let mut whole = readback::deferring(true, || updated(first));
        whole.merge(&updated(second)).unwrap_or_else(|error| panic!("{name}: {error}"));
        same("merged", &value(&mut whole));

        let text = updated(first).state().expect("a state").to_string();
        let mut resumed = updated(second);
        resumed
            .load_state(&serde_json::from_str(&text).expect("JSON"), &Device::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        second.iter().for_each(|input| resumed.accumulate(input).expect("an update"));
        assert_eq!(bits(&value(&mut resumed)), bits(&found), "{name}: resumed after {cut} batches");
    }

    // One metric per batch, merged from the last to the first.
    let mut parts = inputs.iter().rev().map(|input| updated(std::slice::from_ref(input)));
    let last = parts.next().unwrap_or_else(|| panic!("{name}: no batches"));
    let mut backwards = parts.fold(last, |mut all, part| {
        all.merge(&part).unwrap_or_else(|error| panic!("{name}: {error}"));
        all
    });
    same("merged backwards", &value(&mut backwards));

    let mut reset = updated(inputs);
    reset.reset();
    inputs.iter().for_each(|input| reset.accumulate(input).expect("an update"));
    assert_eq!(bits(&value(&mut reset)), bits(&found), "{name}: reset");
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Applies the options of a case to a metric of true and false positives.
fn with_options<S: ClassScore>(mut metric: ClassificationMetric<S>, case: &Case) -> ClassificationMetric<S> {
    if let Some(average) = &case.average {
        metric = metric.average(match average.as_str() {
            "micro" => Average::Micro,
            "macro" => Average::Macro,
            "weighted" => Average::Weighted,
            _ => Average::PerClass,
        });
    }
    if let Some(k) = case.top_k {
        metric = metric.top_k(k);
    }
    if let Some(threshold) = case.threshold {
        metric = metric.threshold(threshold);
    }
    if let Some(index) = case.ignore_index {
        metric = metric.ignore_index(index);
    }
    // Labels do not tell the number of classes.
    match case.num_classes {
        Some(classes) if case.form == "labels" && case.average.as_deref() != Some("micro") => {
            metric.num_classes(classes)
        }
        _ => metric,
    }
}

#[test]
fn accuracy_precision_recall_and_f_beta() {
    let Reference { classification: cases, data, .. } = reference();
    assert!(cases.len() > 100);
    for case in &cases {
        let inputs: Vec<_> = data[case.data].iter().map(|batch| classification(&case.form, batch)).collect();
        let zero = case.zero_division.unwrap_or(0.0);
        match case.metric.as_str() {
            "accuracy" => check(case, &with_options(Accuracy::new(), case), &inputs),
            "precision" => check(case, &with_options(Precision::new().zero_division(zero), case), &inputs),
            "recall" => check(case, &with_options(Recall::new().zero_division(zero), case), &inputs),
            "f_beta" => {
                let metric = FBeta::with_beta(case.beta.expect("a beta")).zero_division(zero);
                check(case, &with_options(metric, case), &inputs);
            }
            other => panic!("metric {other}"),
        }
    }
}

#[test]
fn the_confusion_matrix() {
    let Reference { confusion, data, .. } = reference();
    for case in &confusion {
        let inputs: Vec<_> = data[case.data].iter().map(|batch| classification(&case.form, batch)).collect();
        let mut metric = ConfusionMatrix::new();
        if case.form == "labels" {
            metric = metric.num_classes(case.num_classes.expect("a number of classes"));
        }
        if let Some(index) = case.ignore_index {
            metric = metric.ignore_index(index);
        }
        metric = match case.normalize.as_deref() {
            None => metric,
            Some("true") => metric.normalize(Normalize::Targets),
            Some("pred") => metric.normalize(Normalize::Predictions),
            Some(_) => metric.normalize(Normalize::All),
        };
        check(case, &metric, &inputs);
    }
}

/// Applies the options of a case to a metric of ranked scores.
fn with_curve_options<C: CurveArea>(mut metric: CurveMetric<C>, case: &Case) -> CurveMetric<C> {
    metric = match case.average.as_deref() {
        Some("micro") => metric.average(Average::Micro),
        Some("weighted") => metric.average(Average::Weighted),
        Some("per_class") => metric.average(Average::PerClass),
        _ => metric.average(Average::Macro),
    };
    if let Some(index) = case.ignore_index {
        metric = metric.ignore_index(index);
    }
    match &case.thresholds {
        None | Some(Value::Null) => metric,
        Some(Value::Array(list)) => metric.threshold_list(list.iter().flat_map(floats).map(|value| value as f32)),
        Some(count) => metric.thresholds(count.as_u64().expect("a number of thresholds") as usize),
    }
}

#[test]
fn auroc_and_average_precision() {
    let Reference { curves, data, .. } = reference();
    assert!(curves.len() > 100);
    for case in &curves {
        let inputs: Vec<_> = data[case.data].iter().map(|batch| classification(&case.form, batch)).collect();
        match case.metric.as_str() {
            "auroc" => {
                check(case, &with_curve_options(Auroc::new(), case), &inputs);
                check(case, &with_curve_options(Roc::new(), case), &inputs);
            }
            _ => {
                check(case, &with_curve_options(AveragePrecision::new(), case), &inputs);
                check(case, &with_curve_options(PrecisionRecallCurve::new(), case), &inputs);
            }
        }
    }
}

#[test]
fn thresholds_lie_where_torch_puts_them() {
    for (count, expected) in reference().linspace {
        assert_eq!(evenly(count.parse().expect("a number")), expected, "{count}");
    }
}

#[test]
fn regressions() {
    let Reference { regression: cases, data, .. } = reference();
    for case in &cases {
        let inputs: Vec<_> = data[case.data].iter().map(regression).collect();
        match case.metric.as_str() {
            "mae" => check(case, &MeanAbsoluteError::new(), &inputs),
            "mse" => check(case, &MeanSquaredError::new(), &inputs),
            "rmse" => check(case, &RootMeanSquaredError::new(), &inputs),
            _ => {
                let how = match case.multi_output.as_deref() {
                    Some("variance_weighted") => MultiOutput::VarianceWeighted,
                    Some("raw") => MultiOutput::Raw,
                    _ => MultiOutput::Uniform,
                };
                check(case, &R2Score::new().multi_output(how).adjusted(case.adjusted.unwrap_or(0)), &inputs);
            }
        }
    }
}

#[test]
fn perplexity() {
    let Reference { perplexity, data, .. } = reference();
    for case in &perplexity {
        let inputs: Vec<TokenScores> = data[case.data]
            .iter()
            .map(|batch| (real::<3>(&batch["predictions"]), whole::<2>(&batch["targets"])).to_input().expect("tokens"))
            .collect();
        let metric = match case.ignore_index {
            Some(index) => Perplexity::new().ignore_index(index),
            None => Perplexity::new(),
        };
        check(case, &metric, &inputs);
    }
}

#[test]
fn bleu() {
    let Reference { bleu, data, .. } = reference();
    let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).expect("texts") };
    for case in &bleu {
        let inputs: Vec<Translations> = data[case.data]
            .iter()
            .map(|batch| {
                let references: Vec<Vec<String>> =
                    batch["references"].as_array().expect("lists").iter().map(texts).collect();
                (texts(&batch["candidates"]), &references).to_input().expect("translations")
            })
            .collect();
        let metric = Bleu::new().n_gram(case.n_gram.expect("a length")).smooth(case.smooth.unwrap_or(false));
        let metric = match &case.weights {
            Some(weights) => metric.weights(weights.iter().copied()),
            None => metric,
        };
        check(case, &metric, &inputs);
    }
}
