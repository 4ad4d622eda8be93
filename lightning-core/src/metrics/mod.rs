//! Metrics: typed keys, what was logged, the values a run has, and the stateful metrics that `#[log(metric = …)]` takes.

pub(crate) mod ambient;
mod key;
mod metric;
mod stateful;
mod store;
mod update;
mod values;

pub use ambient::LogValue;
pub(crate) use key::KeyRef;
pub use key::{
    AnyStage, Directed, Direction, InFit, InTest, InTraining, InValidation, LoaderName, Maximize, MetricDef, MetricKey,
    Minimize, Monitor, N, Reduce, StageSet, Stages, Undirected, Y,
};
pub(crate) use metric::AnyMetric;
pub use metric::{Matrix, Metric, MetricInput, MetricValue};
pub use stateful::{
    Accuracy, Auroc, Average, AveragePrecision, Bleu, ClassPredictions, ClassTargets, Classification, ConfusionMatrix,
    FBeta, List, MeanAbsoluteError, MeanSquaredError, MultiOutput, Normalize, Perplexity, Precision, R2Score,
    RealValues, Recall, References, Regression, RootMeanSquaredError, Sentence, TextPair, TokenLogits, TokenScores,
    Translations, bleu,
};
#[cfg(feature = "burn-train")]
pub use stateful::{Adapted, AdaptedBurnMetric, BurnMetric};
pub(crate) use store::{EpochValue, MetricStore, MetricsRecord, ScopeId};
pub(crate) use update::MetricUpdate;
pub use values::Metrics;
