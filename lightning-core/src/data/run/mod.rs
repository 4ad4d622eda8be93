//! From loaders to a run: how loaders and the steps that take their batches become what the engine reads.

mod fetcher;
mod own_loaders;
mod run_data;

pub(crate) use fetcher::{CollectedOutputs, StepCall};
pub use fetcher::{
    IntoFetchers, IntoValidationFetchers, NamedFetcher, Predicting, RunStep, StepOf, Supplies, Testing, Training,
    Validation,
};
pub use own_loaders::ModuleLoaders;
pub use run_data::{EvalData, FitData, RunData};
