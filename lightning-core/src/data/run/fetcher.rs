//! An open loader with the step that takes its batches, with the types of both erased.

use std::{any::Any, iter::Peekable};

use burn::tensor::{Device, FloatDType};

use super::{NamedLoader, RunStep};
use crate::{
    batch::StepBatch,
    data::{Batches, EpochOffset, Loader},
    error::{Error, Result},
    module::{Optimizers, StepContext, TrainingOutput},
};

/// Which step runs on the ready batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepCall {
    /// Which of several training steps.
    pub(crate) step: usize,
    /// Whether the batch is needed again.
    pub(crate) keep: bool,
}

/// A loader and the step that takes its batches, erased: all the engine sees of either.
#[doc(hidden)]
pub(crate) trait Fetcher<M> {
    /// Batches in an epoch; `None` if unknown.
    fn len(&self) -> Option<u64>;
    /// Moves to a position.
    fn start(&mut self, from: EpochOffset) -> Result<()>;
    /// Makes the next batch ready on the device, with its floats in a dtype; `false` at the end of
    /// the data.
    fn fetch(&mut self, device: &Device, floats: Option<FloatDType>) -> Result<bool>;
    /// Whether the ready batch is the last of the epoch.
    fn is_last(&mut self) -> bool;
    /// Samples in the ready batch.
    fn batch_size(&self) -> Option<usize>;
    /// The ready batch.
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
    /// Ends the epoch and drops everything that belongs to it.
    fn end(&mut self);
}

/// A fetcher with the loader's name, where it has one.
#[doc(hidden)]
pub struct NamedFetcher<M> {
    pub(crate) name: Option<String>,
    pub(crate) fetcher: Box<dyn Fetcher<M>>,
}

impl<M> std::fmt::Debug for NamedFetcher<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NamedFetcher({:?})", self.name)
    }
}

/// Pairs a loader with the step that takes its batches.
pub(super) fn fetcher<M: 'static, B: StepBatch>(loader: NamedLoader<B>, step: RunStep<M, B>) -> NamedFetcher<M> {
    let NamedLoader { name, loader } = loader;
    NamedFetcher { name, fetcher: Box::new(LoaderFetcher::new(loader, step)) }
}

struct LoaderFetcher<M, B> {
    loader: Box<dyn Loader<B>>,
    step: RunStep<M, B>,
    /// Where to start. The loader is opened with the first batch, when the device is known.
    start: Option<EpochOffset>,
    batches: Option<Peekable<Batches<B>>>,
    /// Batches of the epoch; `None` if unknown.
    total: Option<u64>,
    /// The number of the next batch.
    next: u64,
    ready: Option<B>,
    in_order: bool,
}

impl<M, B: 'static> LoaderFetcher<M, B> {
    fn new(loader: Box<dyn Loader<B>>, step: RunStep<M, B>) -> Self {
        Self { loader, step, start: None, batches: None, total: None, next: 0, ready: None, in_order: false }
    }

    /// Opens the loader at a position.
    fn open(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        match self.in_order {
            true => self.loader.batches_in_order(from, device),
            false => self.loader.batches_for(from, device),
        }
    }

    /// The ready batch by value: the last step that takes it may reuse its memory.
    fn batch(&mut self, keep: bool) -> Result<B> {
        let none = || Error::data("no batch is ready");
        if !keep {
            return self.ready.take().ok_or_else(none);
        }
        let batch = self.ready.as_ref().ok_or_else(none)?;
        self.step.copy(batch).ok_or_else(|| {
            Error::data("the batch is needed twice, and its type is not `Clone`")
                .help("write `#[derive(Batch, Clone, Debug)]` above it; L-BFGS evaluates the loss several times")
        })
    }
}

impl<M, B: StepBatch> Fetcher<M> for LoaderFetcher<M, B> {
    fn len(&self) -> Option<u64> {
        self.loader.len().map(|len| len as u64)
    }

    fn start(&mut self, from: EpochOffset) -> Result<()> {
        self.end();
        self.total = Fetcher::len(self);
        self.next = from.batch;
        self.start = Some(from);
        Ok(())
    }

    fn fetch(&mut self, device: &Device, floats: Option<FloatDType>) -> Result<bool> {
        if let Some(from) = self.start.take() {
            self.batches = Some(self.open(from, device)?.peekable());
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
            // A known length avoids waiting for the next batch.
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
        let batch = self.batch(call.keep)?;
        self.step.run(module, call.step, batch, cx)
    }

    fn run_manual(
        &mut self,
        module: &mut M,
        optimizers: &mut Optimizers<'_, M>,
        keep: bool,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        let batch = self.batch(keep)?;
        self.step.run_manual(module, batch, optimizers, cx)
    }

    fn end(&mut self) {
        self.start = None;
        self.ready = None;
        self.batches = None;
    }
}

fn too_few(read: u64, total: u64) -> Error {
    Error::data(format!("`Loader::len` is {total}, but the epoch ended after {read} batches"))
        .help("return `None` from `len` if the length is not known in advance")
}
