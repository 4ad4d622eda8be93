//! What `fit`, `validate`, `test` and `predict` take: loaders, or a data module with its hooks.

use std::marker::PhantomData;

use serde_json::Value;

use super::{
    IntoFetchers, IntoValidationFetchers, NamedFetcher, Predicting, RunStep, StepOf, Supplies, Testing, Training,
    Validation, fetcher::feed,
};
use crate::{
    data::{DataLoader, DataModule, FromLoader, Has, NoLoader, batch::Batch},
    error::Result,
    module::{LightningImpl, TrainingStep},
    params::state::{StateReader, StateWriter},
    stage::Stage,
};

/// Where a run's data comes from, erased: loaders, or a data module with its hooks.
#[doc(hidden)]
pub trait RunData<M> {
    /// The name of the data module, where it is one.
    fn name(&self) -> Option<&'static str> {
        None
    }
    /// The hyperparameters of the data module, where it is one.
    fn hparams(&self) -> Result<Option<Value>> {
        Ok(None)
    }
    /// Writes the state fields of the data module.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }
    /// Reads the state fields of the data module.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }
    /// Makes the data ready on this machine.
    fn prepare_data(&mut self) -> Result<()> {
        Ok(())
    }
    /// Before a stage.
    fn setup(&mut self, stage: Stage) -> Result<()> {
        let _ = stage;
        Ok(())
    }
    /// After a stage, also after an error.
    fn teardown(&mut self, stage: Stage) -> Result<()> {
        let _ = stage;
        Ok(())
    }
    /// Whether the feeds can be made more than once.
    fn can_reload(&self) -> bool {
        false
    }
    /// The training feed.
    fn train(&mut self, module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        let _ = module;
        Ok(Vec::new())
    }
    /// The feeds of validation, test or prediction.
    fn eval(&mut self, module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        let _ = module;
        Ok(Vec::new())
    }
}

/// What `fit` takes: a loader, `(train, val)`, `&mut data_module`, or `()` where the module has the loaders.
#[diagnostic::on_unimplemented(
    message = "`{M}` cannot be fitted with `{Self}`",
    label = "no source of its training batches",
    note = "give a loader of the batches that `training_step` takes, `(train, val)`, or `&mut data_module`",
    note = "a data module is a struct and its `impl`, both with `#[data_module]`"
)]
pub trait FitData<M> {
    /// The source.
    #[doc(hidden)]
    fn into_source<'a>(self) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
        M: TrainingStep + 'a;
}

struct Loaders<M, T, V> {
    train: Option<T>,
    eval: Option<V>,
    marker: PhantomData<fn() -> M>,
}

struct TrainAndVal<M, T, V>(Loaders<M, T, V>);

impl<M, T, V> RunData<M> for TrainAndVal<M, T, V>
where
    M: TrainingStep,
    T: IntoFetchers<M, Training>,
    V: IntoValidationFetchers<M>,
{
    fn train(&mut self, _module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        Ok(self.0.train.take().map(|train| train.into_feeds(Training)).unwrap_or_default())
    }

    fn eval(&mut self, _module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        Ok(self.0.eval.take().map(IntoValidationFetchers::into_validation_feeds).unwrap_or_default())
    }
}

fn train_and_val<'a, M, T, V>(train: T, val: V) -> Box<dyn RunData<M> + 'a>
where
    M: TrainingStep + 'a,
    T: IntoFetchers<M, Training> + 'a,
    V: IntoValidationFetchers<M> + 'a,
{
    Box::new(TrainAndVal(Loaders { train: Some(train), eval: Some(val), marker: PhantomData }))
}

macro_rules! fit_with_training_only {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M: LightningImpl, $($generics)*> FitData<M> for $loader
        where
            $loader: Supplies<M::TrainBatch>,
        {
            fn into_source<'a>(self) -> Box<dyn RunData<M> + 'a>
            where
                Self: 'a,
                M: TrainingStep + 'a,
            {
                train_and_val(self, NoLoader)
            }
        })*
    };
}

fit_with_training_only!([B] DataLoader<B>, [I] FromLoader<I>, [B: Batch] Vec<B>);

/// A single training loader: what stands first in `(train, val)`.
struct Single<L>(L);

impl<M: 'static, S: StepOf<M>, L: Supplies<S::Batch>> IntoFetchers<M, S> for Single<L> {
    fn into_feeds(self, step: S) -> Vec<NamedFetcher<M>>
    where
        S: RunStep<M>,
    {
        vec![feed(None, self.0, step)]
    }
}

impl<M, T, V> FitData<M> for (T, V)
where
    M: LightningImpl,
    T: Supplies<M::TrainBatch>,
    V: IntoValidationFetchers<M>,
{
    fn into_source<'a>(self) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
        M: TrainingStep + 'a,
    {
        train_and_val(Single(self.0), self.1)
    }
}

struct FitModule<'d, D>(&'d mut D);

impl<M, D> RunData<M> for FitModule<'_, D>
where
    M: TrainingStep,
    D: DataModule,
    D::Train: IntoFetchers<M, Training>,
    D::Val: IntoValidationFetchers<M>,
{
    fn name(&self) -> Option<&'static str> {
        Some(D::__lightning_name())
    }

    fn hparams(&self) -> Result<Option<Value>> {
        self.0.hparams_value().map(Some)
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        self.0.save_state(state)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        self.0.load_state(state)
    }

    fn prepare_data(&mut self) -> Result<()> {
        self.0.prepare_data()
    }

    fn setup(&mut self, stage: Stage) -> Result<()> {
        self.0.setup(stage)
    }

    fn teardown(&mut self, stage: Stage) -> Result<()> {
        self.0.teardown(stage)
    }

    fn can_reload(&self) -> bool {
        true
    }

    fn train(&mut self, _module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        Ok(self.0.train_dataloader()?.into_feeds(Training))
    }

    fn eval(&mut self, _module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        Ok(self.0.val_dataloader()?.into_validation_feeds())
    }
}

/// A data module that has a training loader.
#[diagnostic::on_unimplemented(
    message = "this data module has no `train_dataloader`",
    label = "nothing to train on",
    note = "write `fn train_dataloader(&self) -> Result<DataLoader<B>>` in the `#[data_module]` impl"
)]
pub trait HasTrainLoader {}

impl<L> HasTrainLoader for Has<L> {}

impl<M, D> FitData<M> for &mut D
where
    M: LightningImpl,
    D: DataModule,
    D::Train: IntoFetchers<M, Training> + HasTrainLoader,
    D::Val: IntoValidationFetchers<M>,
{
    fn into_source<'a>(self) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
        M: TrainingStep + 'a,
    {
        Box::new(FitModule(self))
    }
}

/// What `validate`, `test` and `predict` take: a loader, several, `&mut data_module`, or `()` where the module has the loader.
#[diagnostic::on_unimplemented(
    message = "`{M}` cannot be run on `{Self}`",
    label = "no source of the step's batches",
    note = "give a loader of the batches that the step takes, several in a `Vec` or an array, or `&mut data_module`",
    note = "a data module is a struct and its `impl`, both with `#[data_module]`"
)]
pub trait EvalData<M, S> {
    /// The source.
    #[doc(hidden)]
    fn into_source<'a>(self, step: S) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
        M: 'a,
        S: RunStep<M> + 'a;
}

struct EvalLoaders<M, L, S> {
    loaders: Option<(L, S)>,
    marker: PhantomData<fn() -> M>,
}

impl<M, L: IntoFetchers<M, S>, S: RunStep<M>> RunData<M> for EvalLoaders<M, L, S> {
    fn eval(&mut self, _module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        Ok(self.loaders.take().map(|(loaders, step)| loaders.into_feeds(step)).unwrap_or_default())
    }
}

macro_rules! eval_loaders {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M, S, $($generics)*> EvalData<M, S> for $loader
        where
            $loader: IntoFetchers<M, S>,
        {
            fn into_source<'a>(self, step: S) -> Box<dyn RunData<M> + 'a>
            where
                Self: 'a,
                M: 'a,
                S: RunStep<M> + 'a,
            {
                Box::new(EvalLoaders { loaders: Some((self, step)), marker: PhantomData })
            }
        })*
    };
}

eval_loaders!(
    [B] DataLoader<B>,
    [I] FromLoader<I>,
    [L] Vec<L>,
    [L, const N: usize] [L; N],
);

/// A data module that has the loader of a step.
#[diagnostic::on_unimplemented(
    message = "this data module has no loader for this step",
    label = "nothing to run on",
    note = "write it in the `#[data_module]` impl: `validate` takes `val_dataloader`, `test` `test_dataloader`, `predict` `predict_dataloader`"
)]
pub trait HasEvalLoader {}

impl<L> HasEvalLoader for Has<L> {}

/// Which loader of a data module a step takes.
#[doc(hidden)]
pub trait PickLoader<D: DataModule> {
    /// The loader's type.
    type Loader;
    /// The loader.
    fn pick(data: &mut D) -> Result<Self::Loader>;
}

impl<D: DataModule> PickLoader<D> for Validation {
    type Loader = D::Val;

    fn pick(data: &mut D) -> Result<D::Val> {
        data.val_dataloader()
    }
}

impl<D: DataModule> PickLoader<D> for Testing {
    type Loader = D::Test;

    fn pick(data: &mut D) -> Result<D::Test> {
        data.test_dataloader()
    }
}

impl<D: DataModule, T> PickLoader<D> for Predicting<T> {
    type Loader = D::Predict;

    fn pick(data: &mut D) -> Result<D::Predict> {
        data.predict_dataloader()
    }
}

struct EvalModule<'d, D, S> {
    data: &'d mut D,
    step: S,
}

impl<M, D, S> RunData<M> for EvalModule<'_, D, S>
where
    D: DataModule,
    S: PickLoader<D> + RunStep<M>,
    S::Loader: IntoFetchers<M, S>,
{
    fn hparams(&self) -> Result<Option<Value>> {
        self.data.hparams_value().map(Some)
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        self.data.save_state(state)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        self.data.load_state(state)
    }

    fn prepare_data(&mut self) -> Result<()> {
        self.data.prepare_data()
    }

    fn setup(&mut self, stage: Stage) -> Result<()> {
        self.data.setup(stage)
    }

    fn teardown(&mut self, stage: Stage) -> Result<()> {
        self.data.teardown(stage)
    }

    fn eval(&mut self, _module: &mut M) -> Result<Vec<NamedFetcher<M>>> {
        Ok(S::pick(self.data)?.into_feeds(self.step.clone()))
    }
}

impl<M, D, S> EvalData<M, S> for &mut D
where
    D: DataModule,
    S: PickLoader<D>,
    S::Loader: IntoFetchers<M, S> + HasEvalLoader,
{
    fn into_source<'a>(self, step: S) -> Box<dyn RunData<M> + 'a>
    where
        Self: 'a,
        M: 'a,
        S: RunStep<M> + 'a,
    {
        Box::new(EvalModule { data: self, step })
    }
}
