//! From loaders to the loop: what `fit`, `validate`, `test` and `predict` take, and the erased feeds made of it.

use std::{iter::Peekable, marker::PhantomData};

use burn::tensor::Device;

use super::{DataLoader, DataModule, FromLoader, Has, Loader, NoLoader, Position};
use crate::{
    batch::Batch,
    context::StepContext,
    error::{Error, Result},
    module::{PredictStep, TestStep, TrainingOutput, TrainingStep, ValidationStep},
    stage::Stage,
};

/// One of the steps, as a type: which batch it takes and how it is run.
#[doc(hidden)]
pub trait RunStep<M>: 'static {
    /// The step's batch.
    type Batch: Batch;
    /// Runs the step.
    fn run(&mut self, module: &M, batch: Self::Batch, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>>;
}

/// `training_step`.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Training;

/// `validation_step`.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Validation;

/// `test_step`.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Testing;

impl<M: TrainingStep> RunStep<M> for Training {
    type Batch = M::TrainBatch;

    fn run(&mut self, module: &M, batch: Self::Batch, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>> {
        module.run_training_step(batch, cx)
    }
}

impl<M: ValidationStep> RunStep<M> for Validation {
    type Batch = M::ValBatch;

    fn run(&mut self, module: &M, batch: Self::Batch, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>> {
        module.run_validation_step(batch, cx).map(|()| None)
    }
}

impl<M: TestStep> RunStep<M> for Testing {
    type Batch = M::TestBatch;

    fn run(&mut self, module: &M, batch: Self::Batch, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>> {
        module.run_test_step(batch, cx).map(|()| None)
    }
}

/// `predict_step`, with the shelf its outputs go to.
#[doc(hidden)]
pub struct Predicting<M: PredictStep> {
    outputs: Shelf<M::Output>,
}

/// Outputs shared between the feeds that fill it and the caller that takes it.
pub(crate) type Shelf<T> = std::sync::Arc<std::sync::Mutex<Vec<T>>>;

impl<M: PredictStep> Predicting<M> {
    pub(crate) fn new(outputs: Shelf<M::Output>) -> Self {
        Self { outputs }
    }
}

impl<M: PredictStep> Clone for Predicting<M> {
    fn clone(&self) -> Self {
        Self { outputs: self.outputs.clone() }
    }
}

impl<M: PredictStep> std::fmt::Debug for Predicting<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Predicting")
    }
}

impl<M: PredictStep> RunStep<M> for Predicting<M> {
    type Batch = M::PredictBatch;

    fn run(&mut self, module: &M, batch: Self::Batch, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>> {
        let output = module.run_predict_step(batch, cx)?;
        self.outputs.lock().map_err(|_| Error::msg("another prediction panicked"))?.push(output);
        Ok(None)
    }
}

/// A loader and the step that takes its batches, erased: all the loop sees of either.
#[doc(hidden)]
pub(crate) trait Feed<M> {
    /// Batches in an epoch, when known.
    fn len(&self) -> Option<u64>;
    /// Goes to a position.
    fn start(&mut self, from: Position) -> Result<()>;
    /// Makes the next batch ready on the device; `false` at the end of the data.
    fn fetch(&mut self, device: &Device) -> Result<bool>;
    /// Whether the batch that is ready is the epoch's last.
    fn is_last(&mut self) -> bool;
    /// The size of the batch that is ready.
    fn batch_size(&self) -> Option<usize>;
    /// Runs the step on the batch that is ready.
    fn run(&mut self, module: &M, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>>;
    /// Ends the epoch: nothing of it stays alive.
    fn end(&mut self);
}

struct FeedOf<L, S, B> {
    loader: L,
    step: S,
    batches: Option<Peekable<Box<dyn Iterator<Item = Result<B>> + Send>>>,
    ready: Option<B>,
}

impl<M, L, S> Feed<M> for FeedOf<L, S, S::Batch>
where
    S: RunStep<M>,
    L: Loader<S::Batch>,
{
    fn len(&self) -> Option<u64> {
        self.loader.len().map(|len| len as u64)
    }

    fn start(&mut self, from: Position) -> Result<()> {
        self.ready = None;
        self.batches = Some(self.loader.batches(from)?.peekable());
        Ok(())
    }

    fn fetch(&mut self, device: &Device) -> Result<bool> {
        let next = self.batches.as_mut().and_then(Iterator::next).transpose()?;
        self.ready = next.map(|batch| batch.to_device(device));
        Ok(self.ready.is_some())
    }

    fn is_last(&mut self) -> bool {
        self.batches.as_mut().is_none_or(|batches| batches.peek().is_none())
    }

    fn batch_size(&self) -> Option<usize> {
        self.ready.as_ref().and_then(Batch::batch_size)
    }

    fn run(&mut self, module: &M, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>> {
        match self.ready.take() {
            Some(batch) => self.step.run(module, batch, cx),
            None => Err(Error::data("no batch is ready")),
        }
    }

    fn end(&mut self) {
        self.ready = None;
        self.batches = None;
    }
}

/// A feed with the loader's name, where it has one.
#[doc(hidden)]
pub struct NamedFeed<M> {
    pub(crate) name: Option<String>,
    pub(crate) feed: Box<dyn Feed<M>>,
}

impl<M> std::fmt::Debug for NamedFeed<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NamedFeed({:?})", self.name)
    }
}

fn feed<M, L, S>(name: Option<String>, loader: L, step: S) -> NamedFeed<M>
where
    M: 'static,
    S: RunStep<M>,
    L: Loader<S::Batch>,
{
    NamedFeed { name, feed: Box::new(FeedOf { loader, step, batches: None, ready: None }) }
}

/// One loader, several, or none: what a step can be fed from.
#[diagnostic::on_unimplemented(
    message = "this loader does not give the batches of the module's step",
    label = "the step takes another batch type",
    note = "give a `DataLoader<B>` whose `B` is the batch type written in the step; several loaders go in a `Vec` or an array"
)]
pub trait Feeds<M, S> {
    /// The feeds.
    #[doc(hidden)]
    fn into_feeds(self, step: S) -> Vec<NamedFeed<M>>;
}

macro_rules! single_loader {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M: 'static, S: RunStep<M>, $($generics)*> Feeds<M, S> for $loader
        where
            $loader: Loader<S::Batch>,
        {
            fn into_feeds(self, step: S) -> Vec<NamedFeed<M>> {
                vec![feed(None, self, step)]
            }
        })*
    };
}

single_loader!([B] DataLoader<B>, [I] FromLoader<I>);

macro_rules! several_loaders {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(
            impl<M: 'static, S: RunStep<M> + Clone, $($generics)*> Feeds<M, S> for Vec<$loader>
            where
                $loader: Loader<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFeed<M>> {
                    self.into_iter().map(|loader| feed(None, loader, step.clone())).collect()
                }
            }

            impl<M: 'static, S: RunStep<M> + Clone, $($generics)*, const N: usize> Feeds<M, S> for [$loader; N]
            where
                $loader: Loader<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFeed<M>> {
                    self.into_iter().map(|loader| feed(None, loader, step.clone())).collect()
                }
            }

            impl<M: 'static, S: RunStep<M> + Clone, $($generics)*, const N: usize> Feeds<M, S> for [(&str, $loader); N]
            where
                $loader: Loader<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFeed<M>> {
                    self.into_iter().map(|(name, loader)| feed(Some(name.to_owned()), loader, step.clone())).collect()
                }
            }

            impl<M: 'static, S: RunStep<M> + Clone, $($generics)*> Feeds<M, S> for Vec<(String, $loader)>
            where
                $loader: Loader<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFeed<M>> {
                    self.into_iter().map(|(name, loader)| feed(Some(name), loader, step.clone())).collect()
                }
            }
        )*
    };
}

several_loaders!([B] DataLoader<B>, [I] FromLoader<I>);

/// A list of batches is one loader.
impl<M: 'static, S: RunStep<M>, B: Batch> Feeds<M, S> for Vec<B>
where
    Vec<B>: Loader<S::Batch>,
{
    fn into_feeds(self, step: S) -> Vec<NamedFeed<M>> {
        vec![feed(None, self, step)]
    }
}

impl<M, S> Feeds<M, S> for NoLoader {
    fn into_feeds(self, _step: S) -> Vec<NamedFeed<M>> {
        Vec::new()
    }
}

impl<M, S, L: Feeds<M, S>> Feeds<M, S> for Has<L> {
    fn into_feeds(self, step: S) -> Vec<NamedFeed<M>> {
        self.0.into_feeds(step)
    }
}

/// Where a run's data comes from, erased: loaders, or a data module with its hooks.
#[doc(hidden)]
pub trait Source<M> {
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
    /// The training feed.
    fn train(&mut self) -> Result<Vec<NamedFeed<M>>> {
        Ok(Vec::new())
    }
    /// The feeds of validation, test or prediction.
    fn eval(&mut self) -> Result<Vec<NamedFeed<M>>> {
        Ok(Vec::new())
    }
}

/// What `fit` takes: a loader, `(train, val)`, or `&mut data_module`.
#[diagnostic::on_unimplemented(
    message = "`{M}` cannot be fitted with this data",
    label = "these loaders do not give the batches of the module's steps",
    note = "give a loader of the training step's batches, `(train, val)`, or `&mut data_module`"
)]
pub trait FitData<M> {
    /// The source.
    #[doc(hidden)]
    fn into_source<'a>(self) -> Box<dyn Source<M> + 'a>
    where
        Self: 'a,
        M: 'a;
}

struct Loaders<M, T, V> {
    train: Option<T>,
    eval: Option<V>,
    marker: PhantomData<fn() -> M>,
}

struct TrainAndVal<M, T, V>(Loaders<M, T, V>);

impl<M, T, V> Source<M> for TrainAndVal<M, T, V>
where
    M: TrainingStep,
    T: Feeds<M, Training>,
    V: Feeds<M, Validation>,
{
    fn train(&mut self) -> Result<Vec<NamedFeed<M>>> {
        Ok(self.0.train.take().map(|train| train.into_feeds(Training)).unwrap_or_default())
    }

    fn eval(&mut self) -> Result<Vec<NamedFeed<M>>> {
        Ok(self.0.eval.take().map(|val| val.into_feeds(Validation)).unwrap_or_default())
    }
}

fn train_and_val<'a, M, T, V>(train: T, val: V) -> Box<dyn Source<M> + 'a>
where
    M: TrainingStep + 'a,
    T: Feeds<M, Training> + 'a,
    V: Feeds<M, Validation> + 'a,
{
    Box::new(TrainAndVal(Loaders { train: Some(train), eval: Some(val), marker: PhantomData }))
}

macro_rules! fit_with_training_only {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M: TrainingStep, $($generics)*> FitData<M> for $loader
        where
            $loader: Loader<M::TrainBatch>,
        {
            fn into_source<'a>(self) -> Box<dyn Source<M> + 'a>
            where
                Self: 'a,
                M: 'a,
            {
                train_and_val(self, NoLoader)
            }
        })*
    };
}

fit_with_training_only!([B] DataLoader<B>, [I] FromLoader<I>, [B: Batch] Vec<B>);

/// A single training loader: what stands first in `(train, val)`.
struct Single<L>(L);

impl<M: 'static, S: RunStep<M>, L: Loader<S::Batch>> Feeds<M, S> for Single<L> {
    fn into_feeds(self, step: S) -> Vec<NamedFeed<M>> {
        vec![feed(None, self.0, step)]
    }
}

impl<M, T, V> FitData<M> for (T, V)
where
    M: TrainingStep,
    T: Loader<M::TrainBatch>,
    V: Feeds<M, Validation>,
{
    fn into_source<'a>(self) -> Box<dyn Source<M> + 'a>
    where
        Self: 'a,
        M: 'a,
    {
        train_and_val(Single(self.0), self.1)
    }
}

struct FitModule<'d, D>(&'d mut D);

impl<M, D> Source<M> for FitModule<'_, D>
where
    M: TrainingStep,
    D: DataModule,
    D::Train: Feeds<M, Training>,
    D::Val: Feeds<M, Validation>,
{
    fn prepare_data(&mut self) -> Result<()> {
        self.0.prepare_data()
    }

    fn setup(&mut self, stage: Stage) -> Result<()> {
        self.0.setup(stage)
    }

    fn teardown(&mut self, stage: Stage) -> Result<()> {
        self.0.teardown(stage)
    }

    fn train(&mut self) -> Result<Vec<NamedFeed<M>>> {
        Ok(self.0.train_dataloader()?.into_feeds(Training))
    }

    fn eval(&mut self) -> Result<Vec<NamedFeed<M>>> {
        Ok(self.0.val_dataloader()?.into_feeds(Validation))
    }
}

/// A data module that has a training loader.
#[diagnostic::on_unimplemented(
    message = "this data module has no `train_dataloader`",
    label = "nothing to train on",
    note = "write `fn train_dataloader(&self) -> Result<DataLoader<B>>` in the `#[data_module]` impl"
)]
pub trait Present {}

impl<L> Present for Has<L> {}

impl<M, D> FitData<M> for &mut D
where
    M: TrainingStep,
    D: DataModule,
    D::Train: Feeds<M, Training> + Present,
    D::Val: Feeds<M, Validation>,
{
    fn into_source<'a>(self) -> Box<dyn Source<M> + 'a>
    where
        Self: 'a,
        M: 'a,
    {
        Box::new(FitModule(self))
    }
}

/// What `validate`, `test` and `predict` take: a loader, several, or `&mut data_module`.
#[diagnostic::on_unimplemented(
    message = "`{M}` cannot be run on this data",
    label = "these loaders do not give the batches of the module's step",
    note = "give a loader of the step's batches, several in a `Vec` or array, or `&mut data_module`"
)]
pub trait EvalData<M, S> {
    /// The source.
    #[doc(hidden)]
    fn into_source<'a>(self, step: S) -> Box<dyn Source<M> + 'a>
    where
        Self: 'a,
        M: 'a,
        S: 'a;
}

struct EvalLoaders<M, L, S> {
    loaders: Option<(L, S)>,
    marker: PhantomData<fn() -> M>,
}

impl<M, L: Feeds<M, S>, S> Source<M> for EvalLoaders<M, L, S> {
    fn eval(&mut self) -> Result<Vec<NamedFeed<M>>> {
        Ok(self.loaders.take().map(|(loaders, step)| loaders.into_feeds(step)).unwrap_or_default())
    }
}

macro_rules! eval_loaders {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M, S, $($generics)*> EvalData<M, S> for $loader
        where
            $loader: Feeds<M, S>,
        {
            fn into_source<'a>(self, step: S) -> Box<dyn Source<M> + 'a>
            where
                Self: 'a,
                M: 'a,
                S: 'a,
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

impl<D: DataModule, M: PredictStep> PickLoader<D> for Predicting<M> {
    type Loader = D::Predict;

    fn pick(data: &mut D) -> Result<D::Predict> {
        data.predict_dataloader()
    }
}

struct EvalModule<'d, D, S> {
    data: &'d mut D,
    step: S,
}

impl<M, D, S> Source<M> for EvalModule<'_, D, S>
where
    D: DataModule,
    S: PickLoader<D> + Clone,
    S::Loader: Feeds<M, S>,
{
    fn prepare_data(&mut self) -> Result<()> {
        self.data.prepare_data()
    }

    fn setup(&mut self, stage: Stage) -> Result<()> {
        self.data.setup(stage)
    }

    fn teardown(&mut self, stage: Stage) -> Result<()> {
        self.data.teardown(stage)
    }

    fn eval(&mut self) -> Result<Vec<NamedFeed<M>>> {
        Ok(S::pick(self.data)?.into_feeds(self.step.clone()))
    }
}

impl<M, D, S> EvalData<M, S> for &mut D
where
    D: DataModule,
    S: PickLoader<D> + Clone,
    S::Loader: Feeds<M, S>,
{
    fn into_source<'a>(self, step: S) -> Box<dyn Source<M> + 'a>
    where
        Self: 'a,
        M: 'a,
        S: 'a,
    {
        Box::new(EvalModule { data: self, step })
    }
}
