//! How a step runs a batch, with the type of the batch erased later by the fetcher.

use std::sync::{Arc, Mutex};

use super::{Loaders, NamedFetcher, NamedLoader, fetcher::fetcher};
use crate::{
    batch::StepBatch,
    error::{Error, Result},
    module::{Optimizers, PredictStep, StepContext, TestStep, TrainingOutput, TrainingStep, ValidationStep},
};

/// Names `validation_step` in [`EvalData`](super::EvalData), and `validate` in
/// [`EvalReport`](crate::trainer::EvalReport).
#[derive(Clone, Copy, Debug)]
pub enum Validation {}

/// Names `test_step` in [`EvalData`](super::EvalData), and `test` in
/// [`EvalReport`](crate::trainer::EvalReport).
#[derive(Clone, Copy, Debug)]
pub enum Testing {}

/// Names `predict_step` in [`EvalData`](super::EvalData).
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Predicting {}

/// The outputs of `predict_step`, shared between the fetchers that add to them and the caller that
/// takes them.
pub(crate) type CollectedOutputs<T> = Arc<Mutex<Vec<T>>>;

/// Runs a batch; the number is which of several training steps.
type Run<M, B> = dyn Fn(&M, usize, B, &StepContext<'_>) -> Result<Option<TrainingOutput>> + Send + Sync;

/// Runs a batch of a module that optimizes by itself.
type RunManual<M, B> = fn(&mut M, B, &mut Optimizers<'_, M>, &StepContext<'_>) -> Result<Option<TrainingOutput>>;

/// A step of module `M` that takes batches `B`, as functions.
///
/// A value exists only for a step that the module has: each constructor requires that step's trait.
/// Types that merely describe data need only `B`, so a missing step is reported once, by the method
/// of the trainer that runs it.
#[doc(hidden)]
pub struct RunStep<M, B> {
    run: Arc<Run<M, B>>,
    run_manual: Option<RunManual<M, B>>,
    copy: fn(&B) -> Option<B>,
}

impl<M: 'static, B: StepBatch> RunStep<M, B> {
    fn new(
        run: impl Fn(&M, usize, B, &StepContext<'_>) -> Result<Option<TrainingOutput>> + Send + Sync + 'static,
        copy: fn(&B) -> Option<B>,
    ) -> Self {
        Self { run: Arc::new(run), run_manual: None, copy }
    }

    /// `training_step`.
    pub(super) fn training() -> Self
    where
        M: TrainingStep<TrainBatch = B>,
    {
        Self { run_manual: Some(M::run_manual_step), ..Self::new(M::run_training_step, M::AGAIN) }
    }

    /// `validation_step`.
    pub(crate) fn validation() -> Self
    where
        M: ValidationStep<ValBatch = B>,
    {
        Self::new(|module, _, batch, cx| module.run_validation_step(batch, cx).map(|()| None), M::AGAIN)
    }

    /// `test_step`.
    pub(crate) fn test() -> Self
    where
        M: TestStep<TestBatch = B>,
    {
        Self::new(|module, _, batch, cx| module.run_test_step(batch, cx).map(|()| None), M::AGAIN)
    }

    /// `predict_step`, which adds to `outputs`.
    pub(crate) fn predict(outputs: CollectedOutputs<M::Output>) -> Self
    where
        M: PredictStep<PredictBatch = B>,
        M::Output: 'static,
    {
        let run = move |module: &M, _, batch, cx: &StepContext<'_>| {
            let output = module.run_predict_step(batch, cx)?;
            outputs.lock().map_err(|_| Error::msg("another prediction panicked"))?.push(output);
            Ok(None)
        };
        Self::new(run, M::AGAIN)
    }

    /// One fetcher for each loader.
    pub(super) fn fetchers<N>(&self, loaders: impl Loaders<B, N>) -> Vec<NamedFetcher<M>> {
        self.fetchers_of(loaders.into_loaders())
    }

    /// As [`fetchers`](Self::fetchers).
    pub(super) fn fetchers_of(&self, loaders: Vec<NamedLoader<B>>) -> Vec<NamedFetcher<M>> {
        loaders.into_iter().map(|loader| fetcher(loader, self.clone())).collect()
    }
}

impl<M, B> RunStep<M, B> {
    /// Runs the step; `step` is which of several training steps.
    pub(super) fn run(
        &self,
        module: &M,
        step: usize,
        batch: B,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        (self.run)(module, step, batch, cx)
    }

    /// Runs a step that changes the module.
    pub(super) fn run_manual(
        &self,
        module: &mut M,
        batch: B,
        optimizers: &mut Optimizers<'_, M>,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        match self.run_manual {
            Some(run) => run(module, batch, optimizers, cx),
            None => self.run(module, 0, batch, cx),
        }
    }

    /// A copy of the batch for another step or hook; `None` where its type is not `Clone`.
    pub(super) fn copy(&self, batch: &B) -> Option<B> {
        (self.copy)(batch)
    }
}

impl<M, B> Clone for RunStep<M, B> {
    fn clone(&self) -> Self {
        Self { run: Arc::clone(&self.run), run_manual: self.run_manual, copy: self.copy }
    }
}

impl<M, B> std::fmt::Debug for RunStep<M, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunStep")
    }
}
