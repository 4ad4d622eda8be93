//! Modules that have their loaders themselves: what `()` stands for in `fit`, `validate`, `test` and `predict`.

use super::{
    EvalData, FitData, IntoFetchers, IntoValidationFetchers, NamedFetcher, Predicting, RunData, RunStep, Testing,
    Training, Validation,
};
use crate::{
    data::Has,
    error::Result,
    module::{LightningImpl, TrainingStep},
};

/// A lightning module with loaders of its own. Implemented by `#[lightning_module]` on an impl with a `*_dataloader`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no loaders of its own",
    label = "no data to run on",
    note = "write `fn train_dataloader(&self) -> Result<DataLoader<B>>` in the `#[lightning_module]` impl, or give the data here"
)]
pub trait ModuleLoaders: LightningImpl {
    /// `Has<loader>` or `NoLoader`.
    type Train;
    /// `Has<loader>` or `NoLoader`.
    type Val;
    /// `Has<loader>` or `NoLoader`.
    type Test;
    /// `Has<loader>` or `NoLoader`.
    type Predict;

    /// The training loader.
    ///
    /// # Errors
    /// Those of the method.
    fn train_dataloader(&mut self) -> Result<Self::Train>;
    /// The validation loader.
    ///
    /// # Errors
    /// Those of the method.
    fn val_dataloader(&mut self) -> Result<Self::Val>;
    /// The test loader.
    ///
    /// # Errors
    /// Those of the method.
    fn test_dataloader(&mut self) -> Result<Self::Test>;
    /// The prediction loader.
    ///
    /// # Errors
    /// Those of the method.
    fn predict_dataloader(&mut self) -> Result<Self::Predict>;
}

/// A module's own loader that is there.
#[diagnostic::on_unimplemented(
    message = "the module does not have the loader that this needs",
    label = "nothing to run on",
    note = "write it in the `#[lightning_module]` impl: `fit` takes `train_dataloader`, `validate` `val_dataloader`, `test` `test_dataloader`, \
            `predict` `predict_dataloader`"
)]
pub trait HasOwnLoader {}

impl<L> HasOwnLoader for Has<L> {}

/// The loaders of the module itself.
struct OwnForFit;

impl<M> RunData<M> for OwnForFit
where
    M: TrainingStep + ModuleLoaders,
    M::Train: IntoFetchers<M, Training>,
    M::Val: IntoValidationFetchers<M>,
{
    fn can_reload(&self) -> bool {
        true
    }

    fn train(&mut self, module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        Ok(module.train_dataloader()?.into_feeds(Training))
    }

    fn eval(&mut self, module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        Ok(module.val_dataloader()?.into_validation_feeds())
    }
}

impl<M> FitData<M> for ()
where
    M: ModuleLoaders,
    M::Train: IntoFetchers<M, Training> + HasOwnLoader,
    M::Val: IntoValidationFetchers<M>,
{
    fn into_source<'a>(self) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
        M: TrainingStep + 'a,
    {
        Box::new(OwnForFit)
    }
}

/// Which of a module's own loaders a step takes.
#[doc(hidden)]
pub trait PickOwnLoader<M: ModuleLoaders> {
    /// The loader's type.
    type Loader;
    /// The loader.
    fn pick(module: &mut M) -> Result<Self::Loader>;
}

impl<M: ModuleLoaders> PickOwnLoader<M> for Validation {
    type Loader = M::Val;

    fn pick(module: &mut M) -> Result<M::Val> {
        module.val_dataloader()
    }
}

impl<M: ModuleLoaders> PickOwnLoader<M> for Testing {
    type Loader = M::Test;

    fn pick(module: &mut M) -> Result<M::Test> {
        module.test_dataloader()
    }
}

impl<M: ModuleLoaders, T> PickOwnLoader<M> for Predicting<T> {
    type Loader = M::Predict;

    fn pick(module: &mut M) -> Result<M::Predict> {
        module.predict_dataloader()
    }
}

/// A loader of the module itself, with the step that takes its batches.
struct OwnForStep<S>(S);

impl<M, S> RunData<M> for OwnForStep<S>
where
    M: ModuleLoaders,
    S: PickOwnLoader<M> + RunStep<M>,
    S::Loader: IntoFetchers<M, S>,
{
    fn eval(&mut self, module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        Ok(S::pick(module)?.into_feeds(self.0.clone()))
    }
}

impl<M, S> EvalData<M, S> for ()
where
    M: ModuleLoaders,
    S: PickOwnLoader<M>,
    S::Loader: IntoFetchers<M, S> + HasOwnLoader,
{
    fn into_source<'a>(self, step: S) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
        M: 'a,
        S: RunStep<M> + 'a,
    {
        Box::new(OwnForStep(step))
    }
}
