//! Metrics: typed keys, what was logged, and the values a run has.

mod key;
mod store;
mod values;

pub(crate) use key::KeyRef;
pub use key::{
    AnyStage, Directed, Direction, InFit, InTest, InTraining, InValidation, Maximize, MetricDef, MetricKey, Minimize,
    Monitor, N, Reduce, StageSet, Stages, Undirected, Y,
};
pub(crate) use store::{EpochValue, MetricStore, MetricsRecord, ScopeId};
pub use values::Metrics;
