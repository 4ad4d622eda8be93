//! Data: datasets, loaders that turn them into batches, data modules, splits, readers of files, and images.
//!
//! | to | see |
//! |---|---|
//! | read items by their index | [`Dataset`], [`Rows`], [`Zip`], [`Concat`], [`Mapped`], [`Cached`], [`from_burn`] |
//! | divide them | [`random_split`], [`stratified_split`], [`k_fold`], [`Subset`] |
//! | make batches of them | [`DataLoader::builder`], [`FromItems`], [`Padded`] |
//! | choose which come when | [`Sampler`] and [`BatchSampler`] with their implementors |
//! | read what has no index | [`DataLoader::iterable`], [`DataLoader::from_iter`], [`DataLoader::ticks`] |
//! | read files | [`csv`], [`text`], [`sentences`], [`tokenizer`], [`idx`], `image_folder` (feature `images`) |
//! | change images at random | [`Image`] |
//! | read several loaders at once | [`Combined`] |
//! | keep all of it in one place | [`data_module`](crate::data_module) |

mod adapters;
mod augment;
mod batch_sampler;
mod builder;
mod collate;
mod combined;
mod dataset;
mod folds;
#[cfg(feature = "dataset")]
mod from_burn;
mod image;
mod indexed;
mod layout;
mod loader;
mod module;
mod padded;
mod prefetch;
mod readers;
mod rows;
mod run;
mod sampler;
mod split;
mod stream;
mod subset;
mod transform;

#[doc(hidden)]
pub use crate::batch::StepBatch;
pub use crate::batch::{Batch, BatchLen, NoBatch};
#[doc(hidden)]
pub use adapters::Zipped;
pub use adapters::{Cached, Concat, Mapped, Zip};
pub use augment::Size;
pub use batch_sampler::{BatchSampler, LengthBuckets};
pub use builder::{Collate, DataLoaderBuilder, NoCollate};
pub use collate::{FromItems, host};
pub use combined::{Combine, CombineSequential, Combined};
pub use dataset::Dataset;
pub use folds::{KFold, k_fold};
#[cfg(feature = "dataset")]
pub use from_burn::{FromBurn, from_burn};
pub use image::{Image, Layout, Pixel};
pub use loader::{Batches, DataLoader, EpochOffset, FromLoader, Loader, from_loader};
#[doc(hidden)]
pub use module::DataParts;
pub(crate) use module::merge_hparams;
pub use module::{DataModule, DataStruct, Has, LoaderOutput, NoLoader};
pub use padded::{Padded, SequenceElement};
#[cfg(feature = "images")]
pub use readers::image_folder;
pub use readers::{csv, idx, sentences, text, tokenizer};
pub use rows::{ConvertedRows, Row, Rows};
pub use run::{AnyNumber, EvalData, FitData, Loaders, ModuleLoaders, One, ValidationLoaders};
pub(crate) use run::{CollectedOutputs, StepCall};
#[doc(hidden)]
pub use run::{NamedFetcher, NamedLoader, Predicting, RunData, RunStep, Testing, Validation};
pub use sampler::{
    DistributedSampler, RandomSampler, SampleContext, Sampler, SequentialSampler, SubsetRandomSampler,
    WeightedRandomSampler,
};
pub use split::{SplitSizes, random_split, stratified_split};
pub use stream::IterableBuilder;
pub use subset::Subset;
pub use transform::NoMap;
#[doc(hidden)]
pub use transform::{Fallible, Infallible, Step, Then, Transform};
