//! The metrics of `tests/reference/metrics_more.py`.

use serde::Deserialize;
use serde_json::Value;

use super::{Case, check, classification, real, regression, whole, with_options};
use crate::metrics::{
    CalibrationError, CalibrationNorm, CharErrorRate, CohenKappa, Dice, EmptyQuery, ImagePair, JaccardIndex,
    KappaWeights, MatthewsCorrelation, MetricInput, PeakSignalNoiseRatio, PearsonCorrelation, Rankings, RetrievalMap,
    RetrievalMetric, RetrievalMrr, RetrievalNdcg, Rouge, RougeReferences, RougeScore, SpearmanCorrelation,
    StructuralSimilarity, Transcripts, Translations, WordErrorRate, stateful::retrieval::QueryScore,
};

#[derive(Deserialize)]
struct Reference {
    classification: Vec<Case>,
    regression: Vec<Case>,
    images: Vec<Case>,
    retrieval: Vec<Case>,
    texts: Vec<Case>,
    data: Vec<Vec<Value>>,
}

fn reference() -> Reference {
    let text = include_str!("../../../../../tests/reference/metrics_more.json");
    serde_json::from_str(text).expect("the reference numbers")
}

/// Applies the options of a case to a metric that is no [`ClassScore`](super::ClassScore).
macro_rules! with_class_options {
    ($metric:expr, $case:expr, $($option:ident),+) => {{
        let mut metric = $metric;
        $(if let Some(value) = $case.$option {
            metric = metric.$option(value);
        })+
        metric
    }};
}

#[test]
fn classification_metrics() {
    let Reference { classification: cases, data, .. } = reference();
    assert!(cases.len() > 100);
    for case in &cases {
        let inputs: Vec<_> = data[case.data].iter().map(|batch| classification(&case.form, batch)).collect();
        match case.metric.as_str() {
            "matthews" => check(case, &with_options(MatthewsCorrelation::new(), case), &inputs),
            "jaccard" => check(case, &with_options(JaccardIndex::new(), case), &inputs),
            "dice" => check(case, &with_options(Dice::new(), case), &inputs),
            "kappa" => {
                let weights = match case.kappa.as_deref() {
                    Some("linear") => KappaWeights::Linear,
                    Some(_) => KappaWeights::Quadratic,
                    None => KappaWeights::Equal,
                };
                let metric = CohenKappa::new().weights(weights);
                check(case, &with_class_options!(metric, case, num_classes, ignore_index, threshold), &inputs);
            }
            _ => {
                let norm = match case.norm.as_deref() {
                    Some("l1") => CalibrationNorm::L1,
                    Some("l2") => CalibrationNorm::L2,
                    _ => CalibrationNorm::Max,
                };
                let metric = CalibrationError::new().norm(norm);
                check(case, &with_class_options!(metric, case, bins, ignore_index), &inputs);
            }
        }
    }
}

#[test]
fn correlations_and_signals() {
    let Reference { regression: cases, data, .. } = reference();
    for case in &cases {
        let inputs: Vec<_> = data[case.data].iter().map(regression).collect();
        match case.metric.as_str() {
            "pearson" => check(case, &PearsonCorrelation::new(), &inputs),
            "spearman" => check(case, &SpearmanCorrelation::new(), &inputs),
            _ => check(case, &PeakSignalNoiseRatio::new(case.data_range.expect("a range")), &inputs),
        }
    }
}

#[test]
fn structural_similarity() {
    let Reference { images, data, .. } = reference();
    for case in &images {
        let inputs: Vec<ImagePair> = data[case.data]
            .iter()
            .map(|batch| (real::<4>(&batch["predictions"]), real::<4>(&batch["targets"])).to_input().expect("images"))
            .collect();
        check(case, &StructuralSimilarity::new(case.data_range.expect("a range")), &inputs);
    }
}

fn check_retrieval<R: QueryScore>(case: &Case, metric: RetrievalMetric<R>, inputs: &[Rankings]) {
    let empty = match case.empty.as_deref() {
        Some("pos") => EmptyQuery::One,
        Some("skip") => EmptyQuery::Skip,
        _ => EmptyQuery::Zero,
    };
    check(case, &with_class_options!(metric.empty_query(empty), case, top_k), inputs);
}

#[test]
fn search_results() {
    let Reference { retrieval, data, .. } = reference();
    for case in &retrieval {
        let input = |batch: &Value| {
            let queries = whole::<1>(&batch["queries"]);
            (queries, real::<1>(&batch["predictions"]), whole::<1>(&batch["targets"])).to_input().expect("rankings")
        };
        let inputs: Vec<Rankings> = data[case.data].iter().map(input).collect();
        match case.metric.as_str() {
            "mrr" => check_retrieval(case, RetrievalMrr::new(), &inputs),
            "map" => check_retrieval(case, RetrievalMap::new(), &inputs),
            _ => check_retrieval(case, RetrievalNdcg::new(), &inputs),
        }
    }
}

#[test]
fn texts() {
    let Reference { texts: cases, data, .. } = reference();
    let strings = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).expect("texts") };
    for case in &cases {
        let batches = &data[case.data];
        if case.metric != "rouge" {
            let pair = |batch: &Value| (strings(&batch["candidates"]), strings(&batch["references"]));
            let inputs: Vec<Transcripts> =
                batches.iter().map(|batch| pair(batch).to_input().expect("transcripts")).collect();
            match case.metric.as_str() {
                "wer" => check(case, &WordErrorRate::new(), &inputs),
                _ => check(case, &CharErrorRate::new(), &inputs),
            }
            continue;
        }
        let references = |batch: &Value| -> Vec<Vec<String>> {
            batch["references"].as_array().expect("lists").iter().map(strings).collect()
        };
        let pair = |batch: &Value| (strings(&batch["candidates"]), references(batch));
        let inputs: Vec<Translations> =
            batches.iter().map(|batch| pair(batch).to_input().expect("translations")).collect();
        let metric = match case.n_gram {
            Some(0) | None => Rouge::longest(),
            Some(n) => Rouge::n_gram(n),
        };
        let metric = metric
            .score(match case.score.as_deref() {
                Some("precision") => RougeScore::Precision,
                Some("recall") => RougeScore::Recall,
                _ => RougeScore::F1,
            })
            .references(match case.references.as_deref() {
                Some("avg") => RougeReferences::Mean,
                _ => RougeReferences::Best,
            });
        check(case, &metric, &inputs);
    }
}
