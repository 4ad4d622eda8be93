//! From a loader to the loop: a loader and the step that takes its batches, with the types of both erased.

use std::{any::Any, iter::Peekable};

use burn::tensor::{Device, FloatDType};

use crate::{
    data::{
        Batches, DataLoader, EpochOffset, FromLoader, Has, Loader, NoLoader,
        batch::{Batch, NoBatch, StepBatch},
    },
    error::{Error, Result},
    module::{
        LightningImpl, Optimizers, PredictStep, TestStep, TrainingOutput, TrainingStep, ValidationStep,
        context::StepContext,
    },
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
        (M::AGAIN)(batch)
    }
}

impl<M: ValidationStep> RunStep<M> for Validation {
    fn again(batch: &Self::Batch) -> Option<Self::Batch> {
        (M::AGAIN)(batch)
    }

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
    fn again(batch: &Self::Batch) -> Option<Self::Batch> {
        (M::AGAIN)(batch)
    }

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
    outputs: CollectedOutputs<T>,
}

/// Outputs shared between the feeds that fill it and the caller that takes it.
pub(crate) type CollectedOutputs<T> = std::sync::Arc<std::sync::Mutex<Vec<T>>>;

impl<T> Predicting<T> {
    pub(crate) fn new(outputs: CollectedOutputs<T>) -> Self {
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
    fn again(batch: &Self::Batch) -> Option<Self::Batch> {
        (M::AGAIN)(batch)
    }

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
pub(crate) trait Fetcher<M> {
    /// Batches in an epoch, when known.
    fn len(&self) -> Option<u64>;
    /// Goes to a position.
    fn start(&mut self, from: EpochOffset) -> Result<()>;
    /// Makes the next batch ready on the device, its floats in a type; `false` at the end of the data.
    fn fetch(&mut self, device: &Device, floats: Option<FloatDType>) -> Result<bool>;
    /// Whether the batch that is ready is the epoch's last.
    fn is_last(&mut self) -> bool;
    /// The size of the batch that is ready.
    fn batch_size(&self) -> Option<usize>;
    /// The batch that is ready.
    fn ready(&self) -> Option<&dyn Any>;
    /// Reads the loader in the order of its data.
    fn disable_shuffle(&mut self);
    /// Runs a step on the ready batch.
    fn run(&mut self, module: &M, call: StepCall, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>>;
    /// Runs a step that changes the module on the ready batch.
    fn run_manual(
        &mut self,
        module: &mut M,
        optimizers: &mut Optimizers<'_, M>,
        keep: bool,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>>;
    /// Ends the epoch: nothing of it stays alive.
    fn end(&mut self);
}

struct LoaderFetcher<L, S, B> {
    loader: L,
    step: S,
    /// Where to start; the loader is opened when the first batch is asked for, and the device is known.
    start: Option<EpochOffset>,
    batches: Option<Peekable<Batches<B>>>,
    /// Batches of the epoch, where the loader knows.
    total: Option<u64>,
    /// The number of the next batch.
    next: u64,
    ready: Option<B>,
    in_order: bool,
}

impl<L, S, B> LoaderFetcher<L, S, B> {
    fn new(loader: L, step: S) -> Self {
        Self { loader, step, start: None, batches: None, total: None, next: 0, ready: None, in_order: false }
    }

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

impl<M, L, S> Fetcher<M> for LoaderFetcher<L, S, S::Batch>
where
    S: RunStep<M>,
    L: Supplies<S::Batch>,
{
    fn len(&self) -> Option<u64> {
        self.loader.count().map(|len| len as u64)
    }

    fn start(&mut self, from: EpochOffset) -> Result<()> {
        Fetcher::<M>::end(self);
        self.total = Fetcher::<M>::len(self);
        self.next = from.batch;
        self.start = Some(from);
        Ok(())
    }

    fn fetch(&mut self, device: &Device, floats: Option<FloatDType>) -> Result<bool> {
        if let Some(from) = self.start.take() {
            self.batches = Some(self.loader.give(from, device, self.in_order)?.peekable());
        }
        let next = self.batches.as_mut().and_then(Iterator::next).transpose()?;
        let ready = next.map(|batch| batch.on_device(device));
        self.ready = match floats {
            Some(dtype) => ready.map(|batch| batch.in_dtype(dtype)),
            None => ready,
        };
        match (self.ready.is_some(), self.total) {
            (true, _) => self.next += 1,
            (false, Some(total)) if self.next < total => return Err(too_few(self.next, total)),
            (false, _) => {}
        }
        Ok(self.ready.is_some())
    }

    fn is_last(&mut self) -> bool {
        match self.total {
            // Nobody waits for a batch to learn that there is one.
            Some(total) => self.next >= total,
            None => self.batches.as_mut().is_none_or(|batches| batches.peek().is_none()),
        }
    }

    fn batch_size(&self) -> Option<usize> {
        self.ready.as_ref().and_then(StepBatch::samples)
    }

    fn ready(&self) -> Option<&dyn Any> {
        self.ready.as_ref().map(|batch| batch as &dyn Any)
    }

    fn disable_shuffle(&mut self) {
        self.in_order = true;
    }

    fn run(&mut self, module: &M, call: StepCall, cx: &StepContext<'_>) -> Result<Option<TrainingOutput>> {
        let batch = self.batch::<M>(call.keep)?;
        self.step.run(module, call.step, batch, cx)
    }

    fn run_manual(
        &mut self,
        module: &mut M,
        optimizers: &mut Optimizers<'_, M>,
        keep: bool,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        let batch = self.batch::<M>(keep)?;
        self.step.run_manual(module, batch, optimizers, cx)
    }

    fn end(&mut self) {
        self.start = None;
        self.ready = None;
        self.batches = None;
    }
}

fn too_few(given: u64, total: u64) -> Error {
    Error::data(format!("the loader says that an epoch has {total} batches, and it has {given}"))
        .help("let the loader's `len` be `None` where it does not know")
}

/// A feed with the loader's name, where it has one.
#[doc(hidden)]
pub struct NamedFetcher<M> {
    pub(crate) name: Option<String>,
    pub(crate) feed: Box<dyn Fetcher<M>>,
}

impl<M> std::fmt::Debug for NamedFetcher<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NamedFetcher({:?})", self.name)
    }
}

pub(super) fn feed<M, L, S>(name: Option<String>, loader: L, step: S) -> NamedFetcher<M>
where
    M: 'static,
    S: RunStep<M>,
    L: Supplies<S::Batch>,
{
    NamedFetcher { name, feed: Box::new(LoaderFetcher::new(loader, step)) }
}

/// A loader of the batches that a step takes; any loader where there is no step to take them.
#[doc(hidden)]
pub trait Supplies<B>: 'static {
    /// How many batches an epoch has.
    fn count(&self) -> Option<usize>;
    /// The batches from the position to the end of its epoch, for a loop on a device; `in_order` without shuffling.
    fn give(&self, from: EpochOffset, device: &Device, in_order: bool) -> Result<Batches<B>>;
}

impl<B: Batch, L: Loader<B>> Supplies<B> for L {
    fn count(&self) -> Option<usize> {
        self.len()
    }

    fn give(&self, from: EpochOffset, device: &Device, in_order: bool) -> Result<Batches<B>> {
        match in_order {
            true => self.batches_in_order(from, device),
            false => self.batches_for(from, device),
        }
    }
}

impl<L: 'static> Supplies<NoBatch> for L {
    fn count(&self) -> Option<usize> {
        None
    }

    fn give(&self, _from: EpochOffset, _device: &Device, _in_order: bool) -> Result<Batches<NoBatch>> {
        Err(Error::data("the module has no step that takes these batches"))
    }
}

/// One loader, several, or none: what a step can be fed from.
#[diagnostic::on_unimplemented(
    message = "these loaders do not give the batches of the module's step",
    label = "found `{Self}`",
    note = "give a `DataLoader<B>` whose `B` is the batch type written in the step; several loaders go in a `Vec` or an array"
)]
pub trait IntoFetchers<M, S> {
    /// The feeds.
    #[doc(hidden)]
    fn into_feeds(self, step: S) -> Vec<NamedFetcher<M>>
    where
        S: RunStep<M>;
}

/// What `fit` may validate with: loaders, for a module with a `validation_step`, or none.
#[diagnostic::on_unimplemented(
    message = "`{M}` cannot be validated with this data",
    label = "found `{Self}`",
    note = "give a loader of the batches that `validation_step` takes, several in a `Vec` or an array, or none: `fit(&mut model, train)`"
)]
pub trait IntoValidationFetchers<M> {
    /// The feeds.
    #[doc(hidden)]
    fn into_validation_feeds(self) -> Vec<NamedFetcher<M>>;
}

macro_rules! validation_loaders {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M: ValidationStep, $($generics)*> IntoValidationFetchers<M> for $loader
        where
            $loader: IntoFetchers<M, Validation>,
        {
            fn into_validation_feeds(self) -> Vec<NamedFetcher<M>> {
                self.into_feeds(Validation)
            }
        })*
    };
}

validation_loaders!([B] DataLoader<B>, [I] FromLoader<I>, [L] Vec<L>, [L, const N: usize] [L; N]);

impl<M> IntoValidationFetchers<M> for NoLoader {
    fn into_validation_feeds(self) -> Vec<NamedFetcher<M>> {
        Vec::new()
    }
}

impl<M, L: IntoValidationFetchers<M>> IntoValidationFetchers<M> for Has<L> {
    fn into_validation_feeds(self) -> Vec<NamedFetcher<M>> {
        self.0.into_validation_feeds()
    }
}

macro_rules! single_loader {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<M: 'static, S: StepOf<M>, $($generics)*> IntoFetchers<M, S> for $loader
        where
            $loader: Supplies<S::Batch>,
        {
            fn into_feeds(self, step: S) -> Vec<NamedFetcher<M>>
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
            impl<M: 'static, S: StepOf<M>, $($generics)*> IntoFetchers<M, S> for Vec<$loader>
            where
                $loader: Supplies<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFetcher<M>>
            where
                S: RunStep<M>,
            {
                    self.into_iter().map(|loader| feed(None, loader, step.clone())).collect()
                }
            }

            impl<M: 'static, S: StepOf<M>, $($generics)*, const N: usize> IntoFetchers<M, S> for [$loader; N]
            where
                $loader: Supplies<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFetcher<M>>
            where
                S: RunStep<M>,
            {
                    self.into_iter().map(|loader| feed(None, loader, step.clone())).collect()
                }
            }

            impl<M: 'static, S: StepOf<M>, $($generics)*, const N: usize> IntoFetchers<M, S> for [(&str, $loader); N]
            where
                $loader: Supplies<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFetcher<M>>
            where
                S: RunStep<M>,
            {
                    self.into_iter().map(|(name, loader)| feed(Some(name.to_owned()), loader, step.clone())).collect()
                }
            }

            impl<M: 'static, S: StepOf<M>, $($generics)*> IntoFetchers<M, S> for Vec<(String, $loader)>
            where
                $loader: Supplies<S::Batch>,
            {
                fn into_feeds(self, step: S) -> Vec<NamedFetcher<M>>
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
impl<M: 'static, S: StepOf<M>, B: Batch> IntoFetchers<M, S> for Vec<B>
where
    Vec<B>: Supplies<S::Batch>,
{
    fn into_feeds(self, step: S) -> Vec<NamedFetcher<M>>
    where
        S: RunStep<M>,
    {
        vec![feed(None, self, step)]
    }
}

impl<M, S> IntoFetchers<M, S> for NoLoader {
    fn into_feeds(self, _step: S) -> Vec<NamedFetcher<M>>
    where
        S: RunStep<M>,
    {
        Vec::new()
    }
}

impl<M, S, L: IntoFetchers<M, S>> IntoFetchers<M, S> for Has<L> {
    fn into_feeds(self, step: S) -> Vec<NamedFetcher<M>>
    where
        S: RunStep<M>,
    {
        self.0.into_feeds(step)
    }
}
