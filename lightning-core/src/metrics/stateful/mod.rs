//! The stateful metrics, one per file, and what they share.
//!
//! To add a metric, write its file, name it in the list below, and compare it with torchmetrics in
//! `reference.rs`. A metric of true and false positives is a
//! [`ClassScore`](classification_metric::ClassScore), an area under a curve is a
//! [`CurveArea`](curve_metric::CurveArea), and anything else implements [`Metric`](super::Metric).

mod accumulate;
mod accuracy;
mod auroc;
mod average;
mod average_precision;
mod bleu;
#[cfg(feature = "burn-train")]
mod burn_train;
mod classification_metric;
mod confusion_matrix;
mod curve_metric;
mod curves;
mod exact;
mod f_beta;
mod input;
mod mean_absolute_error;
mod mean_squared_error;
mod outputs;
mod perplexity;
mod precision;
mod r2;
mod recall;
#[cfg(test)]
mod reference;
mod root_mean_squared_error;
mod stat_scores;
mod task;

// The one list of metrics: `metrics` re-exports all of it.
#[cfg(feature = "burn-train")]
pub use self::burn_train::{Adapted, AdaptedBurnMetric, BurnMetric};
pub use self::{
    accuracy::Accuracy,
    auroc::Auroc,
    average::Average,
    average_precision::AveragePrecision,
    bleu::{Bleu, List, References, Sentence, TextPair, Translations, bleu},
    classification_metric::ClassificationMetric,
    confusion_matrix::{ConfusionMatrix, Normalize},
    curve_metric::CurveMetric,
    f_beta::FBeta,
    input::{ClassPredictions, ClassTargets, Classification, RealValues, Regression, TokenLogits, TokenScores},
    mean_absolute_error::MeanAbsoluteError,
    mean_squared_error::MeanSquaredError,
    perplexity::Perplexity,
    precision::Precision,
    r2::{MultiOutput, R2Score},
    recall::Recall,
    root_mean_squared_error::RootMeanSquaredError,
};
