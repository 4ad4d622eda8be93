//! The stateful metrics, one per file, and what they share.
//!
//! To add a metric, write its file, name it in the list below, and compare it with torchmetrics in
//! `reference.rs`. A metric of true and false positives is a
//! [`ClassScore`](classification_metric::ClassScore), an area under a curve, or the
//! curve, is a
//! [`CurveArea`](curve_metric::CurveArea), a number of search results is a
//! [`QueryScore`](retrieval::QueryScore), and anything else implements [`Metric`](super::Metric).

mod accumulate;
mod accuracy;
mod auroc;
mod average;
mod average_precision;
mod bleu;
#[cfg(feature = "burn-train")]
mod burn_train;
mod calibration_error;
mod classification_metric;
mod cohen_kappa;
mod confusion_matrix;
mod curve_metric;
mod curves;
mod dice;
mod error_rate;
mod exact;
mod f_beta;
mod input;
mod jaccard_index;
mod kept;
mod matthews;
mod mean_absolute_error;
mod mean_squared_error;
mod outputs;
mod peak_signal_noise_ratio;
mod pearson;
mod perplexity;
mod precision;
mod precision_recall_curve;
mod r2;
mod recall;
#[cfg(test)]
mod reference;
mod retrieval;
mod roc;
mod root_mean_squared_error;
mod rouge;
mod spearman;
mod stat_scores;
mod structural_similarity;
mod sum_metric;
mod task;
#[cfg(test)]
mod tests;

// The one list of metrics: `metrics` re-exports all of it.
#[cfg(feature = "burn-train")]
pub use self::burn_train::{Adapted, AdaptedBurnMetric, BurnMetric};
pub use self::{
    accuracy::Accuracy,
    auroc::Auroc,
    average::Average,
    average_precision::AveragePrecision,
    bleu::{Bleu, List, References, Sentence, TextPair, Translations, bleu},
    calibration_error::{CalibrationError, CalibrationNorm},
    classification_metric::ClassificationMetric,
    cohen_kappa::{CohenKappa, KappaWeights},
    confusion_matrix::{ConfusionMatrix, Normalize},
    curve_metric::CurveMetric,
    dice::Dice,
    error_rate::{CharErrorRate, ErrorRate, Transcripts, WordErrorRate},
    f_beta::FBeta,
    input::{
        ClassPredictions, ClassTargets, Classification, DocumentScores, ImagePair, ImageValues, Queries, Rankings,
        RealValues, Regression, Relevance, TokenLogits, TokenScores,
    },
    jaccard_index::JaccardIndex,
    matthews::MatthewsCorrelation,
    mean_absolute_error::MeanAbsoluteError,
    mean_squared_error::MeanSquaredError,
    peak_signal_noise_ratio::PeakSignalNoiseRatio,
    pearson::PearsonCorrelation,
    perplexity::Perplexity,
    precision::Precision,
    precision_recall_curve::PrecisionRecallCurve,
    r2::{MultiOutput, R2Score},
    recall::Recall,
    retrieval::{EmptyQuery, RetrievalMap, RetrievalMetric, RetrievalMrr, RetrievalNdcg},
    roc::Roc,
    root_mean_squared_error::RootMeanSquaredError,
    rouge::{Rouge, RougeReferences, RougeScore},
    spearman::SpearmanCorrelation,
    structural_similarity::StructuralSimilarity,
    sum_metric::{Sum, SumMetric, Summed},
};
