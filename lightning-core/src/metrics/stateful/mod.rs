//! The stateful metrics themselves, one subject a file, and what they have in common.

mod accumulate;
mod accuracy;
mod auroc;
mod average;
mod average_precision;
mod bleu;
#[cfg(feature = "burn-train")]
mod burn_train;
mod classification;
mod confusion_matrix;
mod curves;
mod exact;
mod f_beta;
mod input;
mod mean_absolute_error;
mod mean_squared_error;
mod perplexity;
mod precision;
mod r2;
mod recall;
#[cfg(test)]
mod reference;
mod stat_scores;
mod task;

#[cfg(feature = "burn-train")]
pub use self::burn_train::{Adapted, AdaptedBurnMetric, BurnMetric};
pub use self::{
    accuracy::Accuracy,
    auroc::Auroc,
    average::Average,
    average_precision::AveragePrecision,
    bleu::{Bleu, List, References, Sentence, TextPair, Translations, bleu},
    confusion_matrix::{ConfusionMatrix, Normalize},
    f_beta::FBeta,
    input::{ClassPredictions, ClassTargets, Classification, RealValues, Regression, TokenLogits, TokenScores},
    mean_absolute_error::MeanAbsoluteError,
    mean_squared_error::{MeanSquaredError, RootMeanSquaredError},
    perplexity::Perplexity,
    precision::Precision,
    r2::{MultiOutput, R2Score},
    recall::Recall,
};
