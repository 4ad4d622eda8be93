//! The data that `validate`, `test` and `predict` accept.

use super::{
    Loaders, ModuleLoaders, Predicting, RunData, RunStep, Testing, Validation,
    own_loaders::HasOwnLoader,
    run_data::{GivenLoaders, ModuleData, OwnLoaders},
};
use crate::{
    batch::StepBatch,
    data::{DataLoader, DataModule, FromLoader, Has},
    error::Result,
};

/// What `validate`, `test` and `predict` accept for the step `S` of `M` that takes batches `B`: a
/// loader, several in a `Vec` or an array, `&mut data_module`, or `()` for a module with its own
/// loaders.
#[diagnostic::on_unimplemented(
    message = "`{M}` cannot run on `{Self}`",
    label = "does not supply batches of type `{B}`",
    note = "pass a loader with the batch type of the step, several loaders in a `Vec` or an \
            array, or `&mut data_module`",
    note = "a data module is a struct and its impl, both with `#[data_module]`",
    note = "wrap a loader type of your own: `DataLoader::from_loader(x)`",
    note = "C7 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait EvalData<M, S, B> {
    /// The data with its type erased.
    #[doc(hidden)]
    fn into_run_data<'a>(self, step: RunStep<M, B>) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a;
}

/// A data module that has the loader of a step.
#[diagnostic::on_unimplemented(
    message = "this data module has no loader for this call",
    label = "no data to run on",
    note = "write the loader in the `#[data_module]` impl: `val_dataloader` for `validate`, \
            `test_dataloader` for `test`, `predict_dataloader` for `predict`",
    note = "C7 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait HasEvalLoader {}

impl<L> HasEvalLoader for Has<L> {}

macro_rules! given_loaders {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M: 'static, S, B: StepBatch, $($generics)*> EvalData<M, S, B> for $loader
        where
            $loader: Loaders<B>,
        {
            fn into_run_data<'a>(self, step: RunStep<M, B>) -> Box<dyn RunData<M> + 'a>
            where
                Self: 'a,
            {
                Box::new(GivenLoaders { train: Vec::new(), eval: step.fetchers(self) })
            }
        })*
    };
}

given_loaders!(
    [T] DataLoader<T>,
    [I] FromLoader<I>,
    [L] Vec<L>,
    [L, const N: usize] [L; N],
);

/// The loader of a data module `D` that a step reads.
#[doc(hidden)]
pub trait LoaderOf<D: DataModule> {
    /// `Has<loader>` or `NoLoader`.
    type Loader;
    /// Calls the loader method.
    fn open(data: &mut D) -> Result<Self::Loader>;
}

/// The loader of a module `M` with its own loaders that a step reads.
#[doc(hidden)]
pub trait OwnLoaderOf<M: ModuleLoaders> {
    /// `Has<loader>` or `NoLoader`.
    type Loader;
    /// Calls the loader method.
    fn open(module: &mut M) -> Result<Self::Loader>;
}

macro_rules! loader_methods {
    ($($step:ty: $loader:ident $method:ident),* $(,)?) => {$(
        impl<D: DataModule> LoaderOf<D> for $step {
            type Loader = D::$loader;

            fn open(data: &mut D) -> Result<D::$loader> {
                data.$method()
            }
        }

        impl<M: ModuleLoaders> OwnLoaderOf<M> for $step {
            type Loader = M::$loader;

            fn open(module: &mut M) -> Result<M::$loader> {
                module.$method()
            }
        }
    )*};
}

loader_methods!(
    Validation: Val val_dataloader,
    Testing: Test test_dataloader,
    Predicting: Predict predict_dataloader,
);

impl<M: 'static, D, S, B: StepBatch> EvalData<M, S, B> for &mut D
where
    D: DataModule,
    S: LoaderOf<D>,
    S::Loader: Loaders<B> + HasEvalLoader,
{
    fn into_run_data<'a>(self, step: RunStep<M, B>) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
    {
        let eval = Box::new(move |data: &mut D| Ok(step.fetchers(S::open(data)?)));
        Box::new(ModuleData { data: self, train: None, eval })
    }
}

impl<M, S, B: StepBatch> EvalData<M, S, B> for ()
where
    M: ModuleLoaders,
    S: OwnLoaderOf<M>,
    S::Loader: Loaders<B> + HasOwnLoader,
{
    fn into_run_data<'a>(self, step: RunStep<M, B>) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
    {
        let eval = Box::new(move |module: &mut M| Ok(step.fetchers(S::open(module)?)));
        Box::new(OwnLoaders { train: None, eval })
    }
}
