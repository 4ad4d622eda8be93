//! Data: datasets, loaders that turn them into batches, data modules, splits, and the idx file format.

mod dataset;
mod feed;
pub mod idx;
mod loader;
mod module;
mod source;
mod split;

pub use dataset::{Dataset, Subset};
pub use feed::{Feeds, FeedsValidation};
#[doc(hidden)]
pub use feed::{Gives, NamedFeed, Predicting, RunStep, StepOf, Testing, Training, Validation};
pub use loader::{
    Batches, Collate, DataLoader, DataLoaderBuilder, FromLoader, Loader, NoCollate, Position, from_loader,
};
pub use module::{DataModule, DataStruct, Has, LoaderOutput, NoLoader};
#[doc(hidden)]
pub use source::Source;
pub use source::{EvalData, FitData};
pub use split::{SplitSizes, random_split};
