//! 300 random and 100 nasty configurations against torchmetrics: `tests/reference/metrics_compare.py`.
//!
//! Where the definition of a metric gives another value than torchmetrics, the file has it as
//! `right`, and the section `differences` says why.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use serde::Deserialize;
use serde_json::Value;

use super::values;
use crate::{
    error::Result,
    metrics::{
        Accuracy, Auroc, Average, AveragePrecision, Bleu, CalibrationError, CalibrationNorm, CharErrorRate,
        Classification, ClassificationMetric, CohenKappa, ConfusionMatrix, CurveMetric, EmptyQuery, FBeta,
        JaccardIndex, KappaWeights, MatthewsCorrelation, MeanAbsoluteError, MeanSquaredError, Metric, MetricInput,
        MultiOutput, Normalize, PeakSignalNoiseRatio, PearsonCorrelation, Perplexity, Precision, R2Score, Recall,
        RetrievalMap, RetrievalMetric, RetrievalMrr, RetrievalNdcg, RootMeanSquaredError, Rouge, RougeReferences,
        RougeScore, SpearmanCorrelation, StructuralSimilarity, WordErrorRate,
        stateful::{classification_metric::ClassScore, curve_metric::CurveArea, retrieval::QueryScore},
    },
    tensor::readback,
};

#[derive(Deserialize)]
struct Comparison {
    why: std::collections::BTreeMap<String, String>,
    differences: Vec<Difference>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Difference {
    case: String,
    why: String,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    metric: String,
    #[serde(default)]
    form: String,
    #[serde(default)]
    classes: usize,
    batches: Vec<Value>,
    expected: Value,
    right: Option<Value>,
    #[serde(flatten)]
    options: serde_json::Map<String, Value>,
}

impl Case {
    fn text(&self, option: &str) -> Option<&str> {
        self.options.get(option).and_then(Value::as_str)
    }

    fn count(&self, option: &str) -> Option<usize> {
        self.options.get(option).and_then(Value::as_u64).map(|value| value as usize)
    }

    fn real(&self, option: &str) -> Option<f64> {
        self.options.get(option).and_then(Value::as_f64)
    }

    fn ignored(&self) -> Option<i64> {
        self.options.get("ignore_index").and_then(Value::as_i64)
    }

    /// The values that the metric must have; `None` for an error.
    fn wanted(&self) -> Option<Vec<f64>> {
        let value = self.right.as_ref().unwrap_or(&self.expected);
        if value == "error" { None } else { Some(numbers(value)) }
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(number).collect()
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some(_) => f64::NEG_INFINITY,
        None => value.as_f64().unwrap_or(f64::NAN),
    }
}

fn shape(batch: &Value, key: &str) -> Vec<usize> {
    serde_json::from_value(batch[key].clone()).expect("a shape")
}

fn real<const D: usize>(batch: &Value, dtype: DType) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers(&batch["p"]), shape(batch, "ps")), (&Device::default(), dtype))
}

fn whole<const D: usize>(batch: &Value, key: &str) -> Tensor<D, Int> {
    let dtype = match batch["dtype"].as_str() {
        Some("u8") => DType::U8,
        Some("i8") => DType::I8,
        Some("i16") => DType::I16,
        Some("i32") => DType::I32,
        _ => DType::I64,
    };
    let integers: Vec<i64> = numbers(&batch[key]).into_iter().map(|value| value as i64).collect();
    let shape = if key == "q" { vec![integers.len()] } else { shape(batch, if key == "p" { "ps" } else { "ts" }) };
    Tensor::from_data(TensorData::new(integers, shape), (&Device::default(), dtype))
}

/// Computes the metric of all batches, with what a device other than the host does or without.
fn compute<X: Metric>(
    metric: &X,
    batches: &[Value],
    deferred: bool,
    input: &dyn Fn(&Value) -> Result<X::Input>,
) -> Result<Vec<f64>> {
    readback::deferring(deferred, || {
        let mut metric = metric.clone();
        batches.iter().try_for_each(|batch| metric.accumulate(&input(batch)?))?;
        metric.compute().map(|value| values(&value))
    })
}

/// The two ways of reading must agree; the value is that of the first.
fn both<X: Metric>(case: &Case, metric: &X, input: impl Fn(&Value) -> Result<X::Input>) -> Result<Vec<f64>> {
    let found = compute(metric, &case.batches, false, &input);
    let deferred = compute(metric, &case.batches, true, &input);
    match (&found, &deferred) {
        (Ok(found), Ok(deferred)) => {
            let same =
                |(a, b): (&f64, &f64)| a == b || (a - b).abs() <= 1e-9 * a.abs().max(1.0) || (a.is_nan() && b.is_nan());
            assert!(found.iter().zip(deferred).all(same), "{}: {found:?}, deferred {deferred:?}", case.name);
        }
        _ => assert_eq!(found.is_ok(), deferred.is_ok(), "{}", case.name),
    }
    found
}

fn classification(case: &Case, batch: &Value) -> Result<Classification> {
    let targets = || whole::<1>(batch, "t");
    match case.form.as_str() {
        "scores" => (real::<2>(batch, DType::F32), targets()).to_input(),
        "binary" => (real::<1>(batch, DType::F32), targets()).to_input(),
        "labels" => (whole::<1>(batch, "p"), targets()).to_input(),
        _ => (real::<2>(batch, DType::F32), whole::<2>(batch, "t")).to_input(),
    }
}

fn scored<S: ClassScore>(case: &Case, metric: ClassificationMetric<S>) -> Result<Vec<f64>> {
    let mut metric = metric;
    if let Some(average) = case.text("average") {
        metric = metric.average(match average {
            "micro" => Average::Micro,
            "macro" => Average::Macro,
            "weighted" => Average::Weighted,
            _ => Average::PerClass,
        });
    }
    if let Some(k) = case.count("top_k") {
        metric = metric.top_k(k);
    }
    if let Some(threshold) = case.real("threshold") {
        metric = metric.threshold(threshold);
    }
    if let Some(index) = case.ignored() {
        metric = metric.ignore_index(index);
    }
    if case.form == "labels" {
        metric = metric.num_classes(case.classes);
    }
    both(case, &metric, |batch| classification(case, batch))
}

fn ranked<C: CurveArea>(case: &Case, metric: CurveMetric<C>) -> Result<Vec<f64>> {
    let mut metric = match case.text("average") {
        Some("micro") => metric.average(Average::Micro),
        Some("weighted") => metric.average(Average::Weighted),
        Some("per_class") => metric.average(Average::PerClass),
        _ => metric,
    };
    if let Some(index) = case.ignored() {
        metric = metric.ignore_index(index);
    }
    metric = match case.options.get("thresholds") {
        Some(Value::Array(list)) => metric.threshold_list(list.iter().map(|value| number(value) as f32)),
        Some(count) => metric.thresholds(count.as_u64().expect("a number") as usize),
        None => metric,
    };
    both(case, &metric, |batch| classification(case, batch))
}

fn confusion(case: &Case) -> Result<Vec<f64>> {
    let mut metric = ConfusionMatrix::new();
    if let Some(index) = case.ignored() {
        metric = metric.ignore_index(index);
    }
    if let Some(threshold) = case.real("threshold") {
        metric = metric.threshold(threshold);
    }
    if case.form == "labels" {
        metric = metric.num_classes(case.classes);
    }
    metric = match case.text("normalize") {
        Some("true") => metric.normalize(Normalize::Targets),
        Some("pred") => metric.normalize(Normalize::Predictions),
        Some(_) => metric.normalize(Normalize::All),
        None => metric,
    };
    both(case, &metric, |batch| classification(case, batch))
}

fn kappa(case: &Case) -> Result<Vec<f64>> {
    let mut metric = CohenKappa::new().weights(match case.text("kappa") {
        Some("linear") => KappaWeights::Linear,
        Some(_) => KappaWeights::Quadratic,
        None => KappaWeights::Equal,
    });
    if let Some(index) = case.ignored() {
        metric = metric.ignore_index(index);
    }
    if let Some(threshold) = case.real("threshold") {
        metric = metric.threshold(threshold);
    }
    if case.form == "labels" {
        metric = metric.num_classes(case.classes);
    }
    both(case, &metric, |batch| classification(case, batch))
}

fn calibration(case: &Case) -> Result<Vec<f64>> {
    let mut metric = CalibrationError::new().bins(case.count("bins").expect("bins"));
    metric = metric.norm(match case.text("norm") {
        Some("l1") => CalibrationNorm::L1,
        Some("l2") => CalibrationNorm::L2,
        _ => CalibrationNorm::Max,
    });
    if let Some(index) = case.ignored() {
        metric = metric.ignore_index(index);
    }
    both(case, &metric, |batch| classification(case, batch))
}

fn regression<X: Metric<Input = crate::metrics::Regression>>(case: &Case, metric: X) -> Result<Vec<f64>> {
    both(case, &metric, |batch| match shape(batch, "ps").len() {
        1 => (real::<1>(batch, DType::F64), targets::<1>(batch)).to_input(),
        2 => (real::<2>(batch, DType::F64), targets::<2>(batch)).to_input(),
        _ => (real::<4>(batch, DType::F64), targets::<4>(batch)).to_input(),
    })
}

fn targets<const D: usize>(batch: &Value) -> Tensor<D> {
    let data = TensorData::new(numbers(&batch["t"]), shape(batch, "ts"));
    Tensor::from_data(data, (&Device::default(), DType::F64))
}

fn r2(case: &Case) -> Result<Vec<f64>> {
    let how = match case.text("multi_output") {
        Some("variance_weighted") => MultiOutput::VarianceWeighted,
        Some("raw") => MultiOutput::Raw,
        _ => MultiOutput::Uniform,
    };
    regression(case, R2Score::new().multi_output(how).adjusted(case.count("adjusted").unwrap_or(0) as u64))
}

fn retrieval<R: QueryScore>(case: &Case, metric: RetrievalMetric<R>) -> Result<Vec<f64>> {
    let mut metric = metric.empty_query(match case.text("empty") {
        Some("pos") => EmptyQuery::One,
        Some("skip") => EmptyQuery::Skip,
        _ => EmptyQuery::Zero,
    });
    if let Some(k) = case.count("top_k") {
        metric = metric.top_k(k);
    }
    if let Some(index) = case.ignored() {
        metric = metric.ignore_index(index);
    }
    both(case, &metric, |batch| {
        (whole::<1>(batch, "q"), real::<1>(batch, DType::F32), whole::<1>(batch, "t")).to_input()
    })
}

fn strings(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).expect("texts")
}

fn several(batch: &Value) -> (Vec<String>, Vec<Vec<String>>) {
    let references = batch["references"].as_array().expect("lists").iter().map(strings).collect();
    (strings(&batch["candidates"]), references)
}

fn text(case: &Case) -> Result<Vec<f64>> {
    let pair = |batch: &Value| (strings(&batch["candidates"]), strings(&batch["references"]));
    let n_gram = case.count("n_gram").unwrap_or(0);
    match case.metric.as_str() {
        "wer" => both(case, &WordErrorRate::new(), |batch| pair(batch).to_input()),
        "cer" => both(case, &CharErrorRate::new(), |batch| pair(batch).to_input()),
        "bleu" => {
            let smooth = case.options.get("smooth").and_then(Value::as_bool).unwrap_or(false);
            both(case, &Bleu::new().n_gram(n_gram).smooth(smooth), |batch| several(batch).to_input())
        }
        _ => {
            let metric = if n_gram == 0 { Rouge::longest() } else { Rouge::n_gram(n_gram) };
            let metric = metric
                .score(match case.text("score") {
                    Some("precision") => RougeScore::Precision,
                    Some("recall") => RougeScore::Recall,
                    _ => RougeScore::F1,
                })
                .references(match case.text("references") {
                    Some("avg") => RougeReferences::Mean,
                    _ => RougeReferences::Best,
                });
            both(case, &metric, |batch| several(batch).to_input())
        }
    }
}

fn perplexity(case: &Case) -> Result<Vec<f64>> {
    let metric = match case.ignored() {
        Some(index) => Perplexity::new().ignore_index(index),
        None => Perplexity::new(),
    };
    both(case, &metric, |batch| (real::<3>(batch, DType::F32), whole::<2>(batch, "t")).to_input())
}

fn found(case: &Case) -> Result<Vec<f64>> {
    let zero = case.real("zero_division").unwrap_or(0.0);
    let range = case.real("data_range").unwrap_or(1.0);
    match case.metric.as_str() {
        "accuracy" => scored(case, Accuracy::new()),
        "precision" => scored(case, Precision::new().zero_division(zero)),
        "recall" => scored(case, Recall::new().zero_division(zero)),
        "f_beta" => scored(case, FBeta::with_beta(case.real("beta").expect("a beta")).zero_division(zero)),
        "jaccard" => scored(case, JaccardIndex::new()),
        "matthews" => scored(case, MatthewsCorrelation::new()),
        "kappa" => kappa(case),
        "confusion" => confusion(case),
        "calibration" => calibration(case),
        "auroc" => ranked(case, Auroc::new()),
        "average_precision" => ranked(case, AveragePrecision::new()),
        "mae" => regression(case, MeanAbsoluteError::new()),
        "mse" => regression(case, MeanSquaredError::new()),
        "rmse" => regression(case, RootMeanSquaredError::new()),
        "r2" => r2(case),
        "pearson" => regression(case, PearsonCorrelation::new()),
        "spearman" => regression(case, SpearmanCorrelation::new()),
        "psnr" => regression(case, PeakSignalNoiseRatio::new(range)),
        "ssim" => both(case, &StructuralSimilarity::new(range), |batch| {
            (real::<4>(batch, DType::F64), targets::<4>(batch)).to_input()
        }),
        "mrr" => retrieval(case, RetrievalMrr::new()),
        "map" => retrieval(case, RetrievalMap::new()),
        "ndcg" => retrieval(case, RetrievalNdcg::new()),
        "perplexity" => perplexity(case),
        _ => text(case),
    }
}

fn close(found: &[f64], wanted: &[f64]) -> bool {
    let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 5e-6 * b.abs().max(1.0);
    found.len() == wanted.len() && found.iter().zip(wanted).all(same)
}

#[test]
fn four_hundred_configurations() {
    let text = include_str!("../../../../../tests/reference/metrics_compare.json");
    let Comparison { why, differences, cases } = serde_json::from_str(text).expect("the comparison");
    assert_eq!(cases.len(), 400);
    let mut wrong = Vec::new();
    for case in &cases {
        let is_listed = differences.iter().any(|difference| difference.case == case.name);
        assert_eq!(is_listed, case.right.is_some(), "{}: every difference has a reason", case.name);
        let (found, wanted) = (found(case), case.wanted());
        let fits = match (&found, &wanted) {
            (Ok(found), Some(wanted)) => close(found, wanted),
            (Err(_), None) => true,
            _ => false,
        };
        if !fits {
            wrong.push(format!("{} {} {}: found {found:?}, right is {wanted:?}", case.name, case.metric, case.form));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(differences.iter().all(|difference| why.contains_key(&difference.why)));
}
