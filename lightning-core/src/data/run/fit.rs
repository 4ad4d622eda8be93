//! The data that `fit` accepts.

use std::sync::Mutex;

use super::{
    Loaders, ModuleLoaders, NamedFetcher, NamedLoader, RunData, RunStep, ValidationLoaders,
    fetcher::{OneBatch, fetcher},
    loaders::{One, OneLoader},
    own_loaders::HasOwnLoader,
    run_data::{GivenLoaders, ModuleData, OwnLoaders},
};
use crate::{
    batch::Batch,
    data::{DataLoader, DataModule, FromLoader, Has},
    module::{LightningImpl, TrainingStep},
};

/// What `fit` accepts: a training loader, `(train, val)`, `&mut data_module`, or `()` for a module
/// with its own loaders.
///
/// | data | trains on | validates on |
/// |---|---|---|
/// | `loader` | the loader | nothing |
/// | `(train, val)` | `train` | `val`: one loader, a `Vec` or an array of them, with or without names |
/// | `&mut data_module` | its `train_dataloader` | its `val_dataloader`, if there is one |
/// | `()` | the module's `train_dataloader` | the module's `val_dataloader`, if there is one |
#[diagnostic::on_unimplemented(
    message = "`{M}` cannot be fitted with `{Self}`",
    label = "does not supply the training batches of `{M}`",
    note = "pass a loader with the batch type of `training_step`, two loaders as `(train, val)`, or \
            `&mut data_module`",
    note = "a data module is a struct and its impl, both with `#[data_module]`",
    note = "wrap a loader type of your own: `DataLoader::from_loader(x)`",
    note = "C7 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait FitData<M> {
    /// The data with its type erased.
    #[doc(hidden)]
    fn into_run_data<'a>(self) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
        M: TrainingStep + 'a;
}

/// The data of a replayed step: one batch.
pub(crate) fn one_batch<'a, M: TrainingStep + 'a>(batch: M::TrainBatch) -> Box<dyn RunData<M> + 'a> {
    let loader = NamedLoader { name: None, loader: Box::new(OneBatch(Mutex::new(Some(batch)))) };
    Box::new(GivenLoaders { train: vec![fetcher(loader, RunStep::training())], eval: Vec::new() })
}

/// A data module that has a training loader.
#[diagnostic::on_unimplemented(
    message = "this data module has no `train_dataloader`",
    label = "no data to train on",
    note = "write `fn train_dataloader(&self) -> Result<DataLoader<B>>` in the `#[data_module]` impl",
    note = "C7 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait HasTrainLoader {}

impl<L> HasTrainLoader for Has<L> {}

fn training<M: TrainingStep>(loader: impl Loaders<M::TrainBatch, One>) -> Vec<NamedFetcher<M>> {
    RunStep::training().fetchers(loader)
}

/// The same for what a `train_dataloader` returns.
fn own_training<M: TrainingStep>(loader: impl OneLoader<M::TrainBatch>) -> Vec<NamedFetcher<M>> {
    RunStep::training().fetchers_of(loader.into_loaders())
}

macro_rules! fit_without_validation {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M: LightningImpl, $($generics)*> FitData<M> for $loader
        where
            $loader: Loaders<M::TrainBatch, One>,
        {
            fn into_run_data<'a>(self) -> Box<dyn RunData<M> + 'a>
            where
                Self: 'a,
                M: TrainingStep + 'a,
            {
                Box::new(GivenLoaders { train: training(self), eval: Vec::new() })
            }
        })*
    };
}

fit_without_validation!([B] DataLoader<B>, [I] FromLoader<I>, [B: Batch] Vec<B>);

impl<M, T, V> FitData<M> for (T, V)
where
    M: LightningImpl,
    T: Loaders<M::TrainBatch, One>,
    V: ValidationLoaders<M>,
{
    fn into_run_data<'a>(self) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
        M: TrainingStep + 'a,
    {
        Box::new(GivenLoaders { train: training(self.0), eval: self.1.into_fetchers() })
    }
}

impl<M, D> FitData<M> for &mut D
where
    M: LightningImpl,
    D: DataModule,
    D::Train: OneLoader<M::TrainBatch> + HasTrainLoader,
    D::Val: ValidationLoaders<M>,
{
    fn into_run_data<'a>(self) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
        M: TrainingStep + 'a,
    {
        Box::new(ModuleData {
            data: self,
            train: Some(Box::new(|data| Ok(own_training(data.train_dataloader()?)))),
            eval: Box::new(|data| Ok(data.val_dataloader()?.into_fetchers())),
        })
    }
}

impl<M> FitData<M> for ()
where
    M: ModuleLoaders,
    M::Train: OneLoader<M::TrainBatch> + HasOwnLoader,
    M::Val: ValidationLoaders<M>,
{
    fn into_run_data<'a>(self) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
        M: TrainingStep + 'a,
    {
        Box::new(OwnLoaders {
            train: Some(Box::new(|module: &mut M| Ok(own_training(module.train_dataloader()?)))),
            eval: Box::new(|module: &mut M| Ok(module.val_dataloader()?.into_fetchers())),
        })
    }
}
