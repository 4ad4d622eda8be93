//! Datasets, loaders that turn them into batches, data modules, splits, file readers, and images.
//!
//! | to | see |
//! |---|---|
//! | read items by their index | [`Dataset`], [`Rows`], [`Zip`], [`Concat`], [`Mapped`], [`Cached`] |
//! | read Burn's datasets | [`from_burn`] |
//! | split a dataset | [`random_split`], [`stratified_split`], [`k_fold`], [`Subset`] |
//! | make batches of items | [`DataLoader::builder`], [`FromItems`], [`Padded`] |
//! | choose the items and their order | [`Sampler`], [`BatchSampler`] and their implementors |
//! | read an iterable | [`DataLoader::iterable`], [`DataLoader::from_iter`] |
//! | read a stream of tar archives, mix streams | [`shards`](fn@shards), [`Mixture`] |
//! | train without data | [`DataLoader::ticks`] |
//! | read files | `csv`, `parquet`, [`text`], [`sentences`], [`tokenizer`], [`idx`], `image_folder` |
//! | augment images | [`Image`], [`Augment`], [`MixUp`], [`CutMix`] |
//! | look at the first batches | [`preview`] |
//! | read several loaders at once | [`Combined`] |
//! | write a loader | [`Loader`] |
//! | pass data to the trainer | [`FitData`], [`EvalData`] |
//! | keep the data of an experiment in one place | [`data_module`](crate::data_module) |
//!
//! `image_folder` needs the feature `images`, `parquet` the feature `parquet`, and `csv` the feature
//! `csv`, which is on by default.

mod dataset;
mod image;
mod loader;
mod mixture;
mod module;
mod prefetch;
mod preview;
mod readers;
mod run;
mod sampler;
mod shards;

#[doc(hidden)]
pub use crate::batch::StepBatch;
pub use crate::batch::{Batch, BatchLen, NoBatch};
#[doc(hidden)]
pub use dataset::Zipped;
pub use dataset::{
    Cached, Concat, ConvertedRows, Dataset, KFold, Mapped, Row, Rows, SplitSizes, Subset, Zip, k_fold, random_split,
    stratified_split,
};
#[cfg(feature = "dataset")]
pub use dataset::{FromBurn, from_burn};
pub use image::{
    Affine, Augment, ColorJitter, CutMix, Image, Interpolation, Layout, MixUp, Pixel, RandomAffine, RandomErasing, Size,
};
pub use loader::{
    Batches, Collate, Combine, CombineSequential, Combined, DataLoader, DataLoaderBuilder, EpochOffset, FromItems,
    FromLoader, IterableBuilder, Loader, NoCollate, NoMap, Padded, SequenceElement, Share, from_loader, host,
};
#[doc(hidden)]
pub use loader::{Fallible, Infallible, ItemMap, Then, Transform};
pub use mixture::Mixture;
#[doc(hidden)]
pub use module::DataParts;
pub(crate) use module::merge_hparams;
pub use module::{DataModule, DataStruct, Has, LoaderOutput, NoLoader};
pub(crate) use prefetch::stalls;
pub use preview::{FieldPreview, Preview, preview};
#[cfg(feature = "csv")]
pub use readers::csv;
#[cfg(feature = "images")]
pub use readers::image_folder;
#[cfg(feature = "parquet")]
pub use readers::parquet;
pub use readers::{idx, sentences, text, tokenizer};
pub use run::{AnyNumber, EvalData, FitData, Loaders, ModuleLoaders, One, OneLoader, ValidationLoaders};
pub(crate) use run::{CollectedOutputs, Part, StepCall, one_batch};
#[doc(hidden)]
pub use run::{NamedFetcher, NamedLoader, Predicting, RunData, RunStep};
pub use run::{Testing, Validation};
pub use sampler::{
    BatchSampler, DistributedSampler, LengthBuckets, RandomSampler, SampleContext, Sampler, SequentialSampler,
    SubsetRandomSampler, WeightedRandomSampler,
};
pub use shards::{Sample, Samples, Shards, shards};
