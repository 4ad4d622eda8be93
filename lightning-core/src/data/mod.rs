//! Data: datasets, loaders that turn them into batches, data modules, splits, readers of files, and images.

mod augment;
mod dataset;
mod feed;
mod image;
mod loader;
mod module;
mod readers;
mod split;

pub use augment::Size;
pub use dataset::{Dataset, Subset};
pub use feed::{EvalData, Feeds, FeedsValidation, FitData};
#[doc(hidden)]
pub use feed::{Gives, NamedFeed, Predicting, RunStep, Source, StepOf, Testing, Training, Validation};
pub use image::{Image, Layout, Pixel};
pub use loader::{
    Batches, Collate, DataLoader, DataLoaderBuilder, FromLoader, Loader, NoCollate, Position, from_loader,
};
pub use module::{DataModule, DataStruct, Has, LoaderOutput, NoLoader};
#[cfg(feature = "images")]
pub use readers::image_folder;
pub use readers::{csv, idx, sentences, text, tokenizer};
pub use split::{SplitSizes, random_split};
