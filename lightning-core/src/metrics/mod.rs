//! Metrics: what a module logs, the keys to look it up, and the stateful metrics.
//!
//! A `#[log]` value is averaged over the epoch. A measure that is not such a mean keeps a state,
//! and is logged with `#[log(metric = …)]`:
//!
//! | metric | input |
//! |---|---|
//! | [`Accuracy`], [`Precision`], [`Recall`], [`FBeta`] | [`Classification`] |
//! | [`Dice`], [`JaccardIndex`] (IoU), [`MatthewsCorrelation`], [`CohenKappa`] | [`Classification`] |
//! | [`ConfusionMatrix`] | [`Classification`] |
//! | [`Auroc`], [`AveragePrecision`], [`CalibrationError`] | [`Classification`] with scores |
//! | [`Roc`], [`PrecisionRecallCurve`] | [`Classification`] with scores |
//! | [`MeanAbsoluteError`], [`MeanSquaredError`], [`RootMeanSquaredError`] | [`Regression`] |
//! | [`R2Score`], [`PearsonCorrelation`], [`SpearmanCorrelation`] | [`Regression`] |
//! | [`PeakSignalNoiseRatio`] | [`Regression`] |
//! | [`StructuralSimilarity`] | [`ImagePair`] |
//! | [`RetrievalMrr`], [`RetrievalMap`], [`RetrievalNdcg`] | [`Rankings`] |
//! | [`Perplexity`] | [`TokenScores`] |
//! | [`Bleu`], [`Rouge`] | [`Translations`] |
//! | [`WordErrorRate`], [`CharErrorRate`] | [`Transcripts`] |
//!
//! A metric of your own that is computed from sums implements [`SumMetric`], any other [`Metric`].
//! Their values are in the reports of a run, as [`Metrics`], and callbacks monitor them by their
//! [`MetricKey`].

pub(crate) mod ambient;
mod any_metric;
mod canvas;
mod curve_picture;
mod definition;
mod heat_map;
mod key;
mod log_options;
mod metric;
mod module_metrics;
mod stateful;
mod store;
mod threshold_curves;
mod update;
mod value;
mod values;

pub use ambient::LogValue;
pub(crate) use ambient::LoggedValue;
pub(crate) use any_metric::AnyMetric;
pub use definition::{Direction, MetricDef, Reduce, StageSet};
pub(crate) use key::KeyRef;
pub use key::{
    AnyStage, Directed, InFit, InTest, InValidation, LoaderName, Maximize, MetricKey, Minimize, Monitor, N, Stages,
    Undirected, Y,
};
pub use log_options::LogOptions;
pub use metric::{Metric, MetricInput};
pub use module_metrics::ModuleMetrics;
pub(crate) use update::MetricUpdate;
// Everything in the list of `stateful`, so that a new metric is named once.
pub use stateful::*;
pub(crate) use store::{
    EpochValue, MetricStore, MetricsRecord, NotFinite, Origin, Place, RankMetrics, RankValues, ScopeId,
};
pub use threshold_curves::{CurveKind, CurvePoint, ThresholdCurve, ThresholdCurves};
pub(crate) use value::Shown;
pub use value::{Matrix, MetricValue};
pub use values::Metrics;
