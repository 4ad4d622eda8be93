//! Data: datasets, loaders that turn them into batches, data modules, splits, and the idx file format.

mod dataset;
mod feed;
pub mod idx;
mod loader;
mod module;
mod split;

pub use dataset::{Dataset, Subset};
pub(crate) use feed::StepCall;
pub use feed::{EvalData, Feeds, FeedsValidation, FitData};
#[doc(hidden)]
pub use feed::{Gives, NamedFeed, Predicting, RunStep, Source, StepOf, Testing, Training, Validation};
pub use loader::{
    Batches, Collate, DataLoader, DataLoaderBuilder, FromLoader, Loader, NoCollate, Position, from_loader,
};
pub use module::{DataModule, DataStruct, Has, LoaderOutput, NoLoader};
pub use split::{SplitSizes, random_split};
