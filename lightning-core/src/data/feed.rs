//! From loaders to the loop: what `fit`, `validate`, `test` and `predict` take, and the erased feeds made of it.

use std::{iter::Peekable, marker::PhantomData};

use burn::tensor::Device;

use super::{Batches, DataLoader, DataModule, FromLoader, Has, Loader, NoLoader, Position};
use crate::{
    batch::{Batch, NoBatch, StepBatch},
    context::StepContext,
    error::{Error, Result},
    module::{LightningImpl, PredictStep, TestStep, TrainingOutput, TrainingStep, ValidationStep},
    optim::Optimizers,
    stage::Stage,
};

/// One of the steps, as a type: which batch it takes. A module that does not have the step takes `NoBatch`.
#[doc(hidden)]
pub trait StepOf<M>: Clone + 'static {
    /// The step's batch.
    type Batch: StepBatch;
}

/// A step that the module has. What takes data asks for [`StepOf`] alone, so that a missing step is reported once, by the method that
/// runs it.
#[doc(hidden)]
pub trait RunStep<M>: StepOf<M> {
    /// Runs the step; `step` is which of several training steps.
    fn run(
        &mut self,
        module: &M,
        step: usize,
        batch: Self::Batch,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>>;

    /// Runs a step that changes the module.
    fn run_manual(
        &mut self,
        module: &mut M,
        batch: Self::Batch,
        optimizers: &mut Optimizers<'_, M>,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        let _ = optimizers;
        self.run(module, 0, batch, cx)
    }

    /// The batch once more, where several steps share it.
    fn again(batch: &Self::Batch) -> Option<Self::Batch> {
        let _ = batch;
        None
    }
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

impl<M: LightningImpl> StepOf<M> for Training {
    type Batch = M::TrainBatch;
}

impl<M: LightningImpl> StepOf<M> for Validation {
    type Batch = M::ValBatch;
}

impl<M: LightningImpl> StepOf<M> for Testing {
    type Batch = M::TestBatch;
}

impl<M: LightningImpl, T: 'static> StepOf<M> for Predicting<T> {
    type Batch = M::PredictBatch;
}

impl<M: TrainingStep> RunStep<M> for Training {
    fn run(
        &mut self,
        module: &M,
        step: usize,
        batch: Self::Batch,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        module.run_training_step(step, batch, cx)
    }

    fn run_manual(
        &mut self,
        module: &mut M,
        batch: Self::Batch,
        optimizers: &mut Optimizers<'_, M>,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        module.run_manual_step(batch, optimizers, cx)
    }

    fn again(batch: &Self::Batch) -> Option<Self::Batch> {
        M::again(batch)
    }
}

impl<M: ValidationStep> RunStep<M> for Validation {
    fn run(
        &mut self,
        module: &M,
        _step: usize,
        batch: Self::Batch,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        module.run_validation_step(batch, cx).map(|()| None)
    }
}

impl<M: TestStep> RunStep<M> for Testing {
    fn run(
        &mut self,
        module: &M,
        _step: usize,
        batch: Self::Batch,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        module.run_test_step(batch, cx).map(|()| None)
    }
}

/// `predict_step`, with the shelf its outputs go to.
#[doc(hidden)]
pub struct Predicting<T> {
    outputs: Shelf<T>,
}

/// Outputs shared between the feeds that fill it and the caller that takes it.
pub(crate) type Shelf<T> = std::sync::Arc<std::sync::Mutex<Vec<T>>>;

impl<T> Predicting<T> {
    pub(crate) fn new(outputs: Shelf<T>) -> Self {
        Self { outputs }
    }
}

impl<T> Clone for Predicting<T> {
    fn clone(&self) -> Self {
        Self { outputs: self.outputs.clone() }
    }
}

impl<T> std::fmt::Debug for Predicting<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Predicting")
    }
}

impl<M: PredictStep<Output = T>, T: 'static> RunStep<M> for Predicting<T> {
    fn run(
        &mut self,
        module: &M,
        _step: usize,
        batch: Self::Batch,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        let output = module.run_predict_step(batch, cx)?;
        self.outputs.lock().map_err(|_| Error::msg("another prediction panicked"))?.push(output);
        Ok(None)
    }
}

/// Which step is run on the ready batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepCall {
    /// Which of several training steps.
    pub(crate) step: usize,
    /// Whether the batch is wanted again.
    pub(crate) keep: bool,
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
    /// Runs a step on the ready batch.
    fn run(&mut self, module: &M, call: StepCall, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>>;
    /// Runs a step that changes the module on the ready batch.
    fn run_manual(
        &mut self,
        module: &mut M,
        optimizers: &mut Optimizers<'_, M>,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>>;
    /// Ends the epoch: nothing of it stays alive.
    fn end(&mut self);
}

struct FeedOf<L, S, B> {
    loader: L,
    step: S,
    batches: Option<Peekable<Box<dyn Iterator<Item = Result<B>> + Send>>>,
    ready: Option<B>,
}

impl<L, S, B> FeedOf<L, S, B> {
    /// The batch, by value: the last step that takes it may reuse its memory.
    fn batch<M>(&mut self, keep: bool) -> Result<B>
    where
        S: RunStep<M, Batch = B>,
    {
        let none = || Error::data("no batch is ready");
        if !keep {
            return self.ready.take().ok_or_else(none);
        }
        let batch = self.ready.as_ref().ok_or_else(none)?;
        <S as RunStep<M>>::again(batch).ok_or_else(|| {
            Error::data("the batch is needed twice, and its type is not `Clone`")
                .help("write `#[derive(Batch, Clone, Debug)]` above it; L-BFGS evaluates the loss several times")
        })
    }
}

impl<M, L, S> Feed<M> for FeedOf<L, S, S::Batch>
where
    S: RunStep<M>,
    L: Gives<S::Batch>,
{
    fn len(&self) -> Option<u64> {
        self.loader.count().map(|len| len as u64)
    }

    fn start(&mut self, from: Position) -> Result<()> {
        self.ready = None;
        self.batches = Some(self.loader.give(from)?.peekable());
        Ok(())
    }

    fn fetch(&mut self, device: &Device) -> Result<bool> {
        let next = self.batches.as_mut().and_then(Iterator::next).transpose()?;
        self.ready = next.map(|batch| batch.on_device(device));
        Ok(self.ready.is_some())
    }

    fn is_last(&mut self) -> bool {
        self.batches.as_mut().is_none_or(|batches| batches.peek().is_none())
    }

    fn batch_size(&self) -> Option<usize> {
        self.ready.as_ref().and_then(StepBatch::samples)
    }

    fn run(&mut self, module: &M, call: StepCall, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>> {
        let batch = self.batch::<M>(call.keep)?;
        self.step.run(module, call.step, batch, cx)
    }

    fn run_manual(
        &mut self,
        module: &mut M,
        optimizers: &mut Optimizers<'_, M>,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        let batch = self.batch::<M>(false)?;
        self.step.run_manual(module, batch, optimizers, cx)
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
    L: Gives<S::Batch>,
{
    NamedFeed { name, feed: Box::new(FeedOf { loader, step, batches: None, ready: None }) }
}

/// A loader of the batches that a step takes; any loader where there is no step to take them.
#[doc(hidden)]
pub trait Gives<B>: 'static {
    /// How many batches an epoch has.
    fn count(&self) -> Option<usize>;
    /// The batches from the position to the end of its epoch.
    fn give(&self, from: Position) -> Result<Batches<B>>;
}

impl<B: Batch, L: Loader<B>> Gives<B> for L {
    fn count(&self) -> Option<usize> {
        self.len()
    }

    fn give(&self, from: Position) -> Result<Batches<B>> {
        self.batches(from)
    }
}

impl<L: 'static> Gives<NoBatch> for L {
    fn count(&self) -> Option<usize> {
        None
    }

    fn give(&self, _from: Position) -> Result<Batches<NoBatch>> {
        Err(Error::data("the module has no step that takes these batches"))
    }
}

/// One loader, several, or none: what a step can be fed from.
#[diagnostic::on_unimplemented(
    message = "these loaders do not give the batches of the module's step",
    label = "found `{Self}`",
    note = "give a `DataLoader<B>` whose `B` is the batch type written in the step; several loaders go in a `Vec` or an array"
)]
pub trait Feeds<M, S> {
    /// The feeds.
    #[doc(hidden)]
    fn into_feeds(self, step: S) -> Vec<NamedFeed<M>>
    where
        S: RunStep<M>;
}

/// What `fit` may validate with: loaders, for a module with a `validation_step`, or none.
#[diagnostic::on_unimplemented(
    message = "`{M}` cannot be validated with this data",
    label = "found `{Self}`",
    note = "give a loader of the batches that `validation_step` takes, several in a `Vec` or an array, or none: `fit(&mut model, train)`"
)]
pub trait FeedsValidation<M> {
    /// The feeds.
    #[doc(hidden)]
    fn into_validation_feeds(self) -> Vec<NamedFeed<M>>;
}

macro_rules! validation_loaders {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M: ValidationStep, $($generics)*> FeedsValidation<M> for $loader
        where
            $loader: Feeds<M, Validation>,
        {
            fn into_validation_feeds(self) -> Vec<NamedFeed<M>> {
                self.into_feeds(Validation)
            }
        })*
    };
}

validation_loaders!([B] DataLoader<B>, [I] FromLoader<I>, [L] Vec<L>, [L, const N: usize] [L; N]);

impl<M> FeedsValidation<M> for NoLoader {
    fn into_validation_feeds(self) -> Vec<NamedFeed<M>> {
        Vec::new()
    }
}

impl<M, L: FeedsValidation<M>> FeedsValidation<M> for Has<L> {
    fn into_validation_feeds(self) -> Vec<NamedFeed<M>> {
        self.0.into_validation_feeds()
    }
}

macro_rules! single_loader {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M: 'static, S: StepOf<M>, $($generics)*> Feeds<M, S> for $loader
        where
            $loader: Gives<S::Batch>,
        {
            fn into_feeds(self, step: S) -> Vec<NamedFeed<M>>
    where
        S: RunStep<M>,
    {
                vec![feed(None, self, step)]
            }
        })*
    };
}

single_loader!([B] DataLoader<B>, [I] FromLoader<I>);

macro_rules! several_loaders {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(
            impl<M: 'static, S: StepOf<M>, $($generics)*> Feeds<M, S> for Vec<$loader>
            where
                $loader: Gives<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFeed<M>>
    where
        S: RunStep<M>,
    {
                    self.into_iter().map(|loader| feed(None, loader, step.clone())).collect()
                }
            }

            impl<M: 'static, S: StepOf<M>, $($generics)*, const N: usize> Feeds<M, S> for [$loader; N]
            where
                $loader: Gives<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFeed<M>>
    where
        S: RunStep<M>,
    {
                    self.into_iter().map(|loader| feed(None, loader, step.clone())).collect()
                }
            }

            impl<M: 'static, S: StepOf<M>, $($generics)*, const N: usize> Feeds<M, S> for [(&str, $loader); N]
            where
                $loader: Gives<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFeed<M>>
    where
        S: RunStep<M>,
    {
                    self.into_iter().map(|(name, loader)| feed(Some(name.to_owned()), loader, step.clone())).collect()
                }
            }

            impl<M: 'static, S: StepOf<M>, $($generics)*> Feeds<M, S> for Vec<(String, $loader)>
            where
                $loader: Gives<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFeed<M>>
    where
        S: RunStep<M>,
    {
                    self.into_iter().map(|(name, loader)| feed(Some(name), loader, step.clone())).collect()
                }
            }
        )*
    };
}

several_loaders!([B] DataLoader<B>, [I] FromLoader<I>);

/// A list of batches is one loader.
impl<M: 'static, S: StepOf<M>, B: Batch> Feeds<M, S> for Vec<B>
where
    Vec<B>: Gives<S::Batch>,
{
    fn into_feeds(self, step: S) -> Vec<NamedFeed<M>>
    where
        S: RunStep<M>,
    {
        vec![feed(None, self, step)]
    }
}

impl<M, S> Feeds<M, S> for NoLoader {
    fn into_feeds(self, _step: S) -> Vec<NamedFeed<M>>
    where
        S: RunStep<M>,
    {
        Vec::new()
    }
}

impl<M, S, L: Feeds<M, S>> Feeds<M, S> for Has<L> {
    fn into_feeds(self, step: S) -> Vec<NamedFeed<M>>
    where
        S: RunStep<M>,
    {
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
    label = "found `{Self}`",
    note = "give a loader of the batches that `training_step` takes, `(train, val)`, or `&mut data_module`"
)]
pub trait FitData<M> {
    /// The source.
    #[doc(hidden)]
    fn into_source<'a>(self) -> Box<dyn Source<M> + 'a>
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

impl<M, T, V> Source<M> for TrainAndVal<M, T, V>
where
    M: TrainingStep,
    T: Feeds<M, Training>,
    V: FeedsValidation<M>,
{
    fn train(&mut self) -> Result<Vec<NamedFeed<M>>> {
        Ok(self.0.train.take().map(|train| train.into_feeds(Training)).unwrap_or_default())
    }

    fn eval(&mut self) -> Result<Vec<NamedFeed<M>>> {
        Ok(self.0.eval.take().map(FeedsValidation::into_validation_feeds).unwrap_or_default())
    }
}

fn train_and_val<'a, M, T, V>(train: T, val: V) -> Box<dyn Source<M> + 'a>
where
    M: TrainingStep + 'a,
    T: Feeds<M, Training> + 'a,
    V: FeedsValidation<M> + 'a,
{
    Box::new(TrainAndVal(Loaders { train: Some(train), eval: Some(val), marker: PhantomData }))
}

macro_rules! fit_with_training_only {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M: LightningImpl, $($generics)*> FitData<M> for $loader
        where
            $loader: Gives<M::TrainBatch>,
        {
            fn into_source<'a>(self) -> Box<dyn Source<M> + 'a>
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

impl<M: 'static, S: StepOf<M>, L: Gives<S::Batch>> Feeds<M, S> for Single<L> {
    fn into_feeds(self, step: S) -> Vec<NamedFeed<M>>
    where
        S: RunStep<M>,
    {
        vec![feed(None, self.0, step)]
    }
}

impl<M, T, V> FitData<M> for (T, V)
where
    M: LightningImpl,
    T: Gives<M::TrainBatch>,
    V: FeedsValidation<M>,
{
    fn into_source<'a>(self) -> Box<dyn Source<M> + 'a>
    where
        Self: 'a,
        M: TrainingStep + 'a,
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
    D::Val: FeedsValidation<M>,
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
    D::Train: Feeds<M, Training> + HasTrainLoader,
    D::Val: FeedsValidation<M>,
{
    fn into_source<'a>(self) -> Box<dyn Source<M> + 'a>
    where
        Self: 'a,
        M: TrainingStep + 'a,
    {
        Box::new(FitModule(self))
    }
}

/// What `validate`, `test` and `predict` take: a loader, several, or `&mut data_module`.
#[diagnostic::on_unimplemented(
    message = "`{M}` cannot be run on this data",
    label = "found `{Self}`",
    note = "give a loader of the batches that the step takes, several in a `Vec` or an array, or `&mut data_module`"
)]
pub trait EvalData<M, S> {
    /// The source.
    #[doc(hidden)]
    fn into_source<'a>(self, step: S) -> Box<dyn Source<M> + 'a>
    where
        Self: 'a,
        M: 'a,
        S: RunStep<M> + 'a;
}

struct EvalLoaders<M, L, S> {
    loaders: Option<(L, S)>,
    marker: PhantomData<fn() -> M>,
}

impl<M, L: Feeds<M, S>, S: RunStep<M>> Source<M> for EvalLoaders<M, L, S> {
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

impl<M, D, S> Source<M> for EvalModule<'_, D, S>
where
    D: DataModule,
    S: PickLoader<D> + RunStep<M>,
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
    S: PickLoader<D>,
    S::Loader: Feeds<M, S> + HasEvalLoader,
{
    fn into_source<'a>(self, step: S) -> Box<dyn Source<M> + 'a>
    where
        Self: 'a,
        M: 'a,
        S: RunStep<M> + 'a,
    {
        Box::new(EvalModule { data: self, step })
    }
}
