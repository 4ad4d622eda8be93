//! From loaders to a run.
//!
//! | | |
//! |---|---|
//! | [`Loader<B>`](super::Loader) | what the user gives: batches `B`, epoch by epoch |
//! | [`Loaders<B>`] | one loader, several, or none, in any form they can be given |
//! | [`ValidationLoaders<M>`] | the same for the validation in `fit`, which requires a `validation_step` |
//! | [`Fetcher<M>`](fetcher::Fetcher) | one open loader with its step, with the batch type erased |
//! | [`RunData<M>`] | where a run gets its fetchers: loaders, a data module, or the module itself |
//!
//! [`FitData`] and [`EvalData`] are what the trainer's methods accept; each value becomes a
//! `RunData`. [`RunStep`] is a step of the module as functions.

mod eval;
mod fetcher;
mod fit;
mod loaders;
mod own_loaders;
mod run_data;
mod step;

pub use eval::EvalData;
pub use fetcher::NamedFetcher;
pub(crate) use fetcher::{Part, StepCall};
pub use fit::FitData;
pub(crate) use fit::one_batch;
pub use loaders::{AnyNumber, Loaders, NamedLoader, One, OneLoader, ValidationLoaders};
pub use own_loaders::ModuleLoaders;
pub use run_data::RunData;
pub(crate) use step::CollectedOutputs;
pub use step::{Predicting, RunStep, Testing, Validation};
