//! An open loader with the step that takes its batches, with the types of both erased.

use std::{any::Any, sync::Mutex};

use burn::tensor::{Device, FloatDType};

use super::{NamedLoader, RunStep};
use crate::{
    batch::{BatchReader, BatchWriter, StepBatch, check_dims, enter_loader, leave_loader, number_of_loader},
    data::{Batches, EpochOffset, Loader, Share},
    error::{Error, ErrorKind, Result},
    module::{Optimizers, StepContext, TrainingOutput},
    os::panics::catch_panic,
};

/// Which step runs on the ready batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepCall {
    /// Which of several training steps.
    pub(crate) step: usize,
    /// Whether the batch is needed again.
    pub(crate) keep: bool,
    /// The samples that the step sees, if the batch is divided. The batch stays ready.
    pub(crate) part: Option<Part>,
}

/// Some samples of a batch: the first and the one after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The samples of the batch.
    pub(crate) samples: usize,
}

impl Part {
    /// The number of samples.
    pub(crate) fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether no sample is left out.
    pub(crate) fn is_whole(self) -> bool {
        self.len() == self.samples
    }
}

/// A loader and the step that takes its batches, erased: all the engine sees of either.
#[doc(hidden)]
pub(crate) trait Fetcher<M> {
    /// Batches in an epoch, of all processes; `None` if unknown.
    fn len(&self) -> Option<u64>;
    /// Reads the share of one of several processes. Returns whether the length is that of all
    /// shares together, and not of one.
    ///
    /// # Errors
    /// If the loader cannot be divided.
    fn share(&mut self, share: Share) -> Result<bool>;
    /// Whether the loader shuffles.
    fn shuffles(&self) -> bool;
    /// Whether batches are made of a dataset by the thread that trains.
    fn is_inline(&self) -> bool;
    /// Moves to a position.
    fn start(&mut self, from: EpochOffset) -> Result<()>;
    /// Opens the loader at that position, unless it is open.
    fn open(&mut self, device: &Device) -> Result<()>;
    /// Makes the next batch ready on the device, with its floats in a dtype; `false` at the end of
    /// the data. Opens the loader.
    fn fetch(&mut self, device: &Device, floats: Option<FloatDType>) -> Result<bool>;
    /// Whether no batch follows the ready one, or the position. The loader must be open: one that
    /// does not know its length has to read the next batch.
    ///
    /// # Errors
    /// If a signal interrupts reading. Any other error is returned by the next `fetch`.
    fn is_last(&mut self) -> Result<bool>;
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
    /// Adds the ready batch to `out`.
    fn show(&self, out: &mut BatchWriter);
    /// Copies the ready batch.
    fn keep(&mut self);
    /// Returns the parts of the copy.
    fn kept(&mut self) -> Option<BatchWriter>;
    /// Drops the copy.
    fn forget(&mut self);
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

/// A loader of one batch, which it gives once.
pub(super) struct OneBatch<B>(pub(super) Mutex<Option<B>>);

impl<B: Send + 'static> Loader<B> for OneBatch<B> {
    fn len(&self) -> Option<usize> {
        Some(1)
    }

    fn batches(&self, _from: EpochOffset) -> Result<Batches<B>> {
        let batch = self.0.lock().map_err(|_| Error::msg("reading the batch panicked"))?.take();
        Ok(Box::new(batch.into_iter().map(Ok)))
    }
}

/// A copy of a batch: the parts of one whose type is not `Clone`.
enum Kept<B> {
    Copy(B),
    Parts(BatchWriter),
}

fn parts_of<B: StepBatch>(batch: &B) -> BatchWriter {
    let mut parts = BatchWriter::default();
    batch.save(&mut parts);
    parts
}

struct LoaderFetcher<M, B> {
    loader: Box<dyn Loader<B>>,
    step: RunStep<M, B>,
    /// Where to start. The loader is opened with the first batch, when the device is known.
    start: Option<EpochOffset>,
    batches: Option<Batches<B>>,
    /// What was read ahead to know whether a batch follows.
    ahead: Option<Option<Result<B>>>,
    /// Batches of the epoch; `None` if unknown.
    total: Option<u64>,
    /// The number of the next batch.
    next: u64,
    ready: Option<B>,
    /// A copy of the ready batch, while steps are guarded.
    kept: Option<Kept<B>>,
    /// The parts of the ready batch, while it is divided among several passes.
    divided: Option<BatchWriter>,
    in_order: bool,
    share: Share,
    /// The loader's number for `#[dims]`, from its first batch on.
    number: Option<u64>,
}

impl<M, B: 'static> LoaderFetcher<M, B> {
    fn new(loader: Box<dyn Loader<B>>, step: RunStep<M, B>) -> Self {
        Self {
            loader,
            step,
            start: None,
            batches: None,
            ahead: None,
            total: None,
            next: 0,
            ready: None,
            kept: None,
            divided: None,
            in_order: false,
            share: Share::WHOLE,
            number: None,
        }
    }

    /// Reads the next batch; `None` at the end of the data.
    fn read(&mut self) -> Option<Result<B>> {
        self.batches.as_mut().and_then(Iterator::next)
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

impl<M, B: StepBatch> LoaderFetcher<M, B> {
    /// Some samples of the ready batch, which stays ready.
    fn part(&mut self, part: Part, device: &Device) -> Result<B> {
        let batch = self.ready.as_ref().ok_or_else(|| Error::data("no batch is ready"))?;
        if part.is_whole()
            && let Some(copy) = self.step.copy(batch)
        {
            return Ok(copy);
        }
        let divided = self.divided.get_or_insert_with(|| parts_of(batch));
        if let Some(refused) = divided.refused.first() {
            return Err(Error::data(format!("the batch cannot be divided by `micro_batch`: {refused} is in it"))
                .help("derive `Batch` for it, or `Serialize` and `Deserialize` if it is marked `#[batch(host)]`"));
        }
        let reader = BatchReader::rows(divided, part.start..part.end, part.samples, device);
        Ok(B::load(&reader)?.on_device(device))
    }
}

impl<M, B: StepBatch> Fetcher<M> for LoaderFetcher<M, B> {
    fn len(&self) -> Option<u64> {
        self.loader.len().map(|len| len as u64)
    }

    fn share(&mut self, share: Share) -> Result<bool> {
        match self.loader.own_share() {
            Some(own) if own != share => {
                let (Share { rank, world_size }, Share { rank: own, world_size: of }) = (share, own);
                Err(Error::data(format!(
                    "the loader must be the share of rank {rank} of {world_size}, found `shared({own}, {of})`"
                ))
                .help("write `.shared(cx.rank(), cx.world_size())`"))
            }
            // Its batches are the share.
            Some(_) => Ok(share.is_whole()),
            None if self.loader.len().is_none() && !share.is_whole() => Err(Error::data(
                "a run with several processes cannot divide a loader that does not know its length",
            )
            .help(
                "let each process read another part of the stream, and write `.shared(rank, world_size)` at the loader",
            )),
            None => {
                self.share = share;
                Ok(true)
            }
        }
    }

    fn shuffles(&self) -> bool {
        self.loader.shuffles()
    }

    fn is_inline(&self) -> bool {
        self.loader.is_inline()
    }

    fn start(&mut self, from: EpochOffset) -> Result<()> {
        self.end();
        self.total = Fetcher::len(self).map(|all| self.share.batches(all));
        self.next = from.batch;
        self.start = Some(from);
        Ok(())
    }

    fn open(&mut self, device: &Device) -> Result<()> {
        if let Some(from) = self.start.take() {
            self.batches = Some(match self.in_order {
                in_order if !self.share.is_whole() => {
                    self.loader.batches_of_share(from, device, self.share, in_order)?
                }
                true => self.loader.batches_in_order(from, device)?,
                false => self.loader.batches_for(from, device)?,
            });
        }
        Ok(())
    }

    fn fetch(&mut self, device: &Device, floats: Option<FloatDType>) -> Result<bool> {
        self.open(device)?;
        self.divided = None;
        let next = self.ahead.take().unwrap_or_else(|| self.read()).transpose()?;
        let ready = next.map(|batch| batch.on_device(device));
        self.ready = match floats {
            Some(dtype) => ready.map(|batch| batch.in_dtype(dtype)),
            None => ready,
        };
        match (self.number, &self.ready) {
            (Some(number), _) => enter_loader(number, false),
            (None, Some(batch)) => {
                check_dims(batch)?;
                let number = number_of_loader();
                self.number = Some(number);
                enter_loader(number, true);
            }
            (None, None) => {}
        }
        match (self.ready.is_some(), self.total) {
            (true, _) => self.next += 1,
            (false, Some(total)) if self.next < total => return Err(too_few(self.next, total)),
            (false, _) => {}
        }
        Ok(self.ready.is_some())
    }

    fn is_last(&mut self) -> Result<bool> {
        // A known length avoids waiting for the next batch.
        if let Some(total) = self.total {
            return Ok(self.next >= total);
        }
        if self.ahead.is_none() {
            // A panic of the iterator is the error of the batch that it was asked for.
            let read = catch_panic(|| Ok(self.read())).unwrap_or_else(|panic| Some(Err(panic)));
            if let Some(Err(error)) = &read
                && error.kind() == ErrorKind::Interrupted
            {
                return read.transpose().map(|batch| batch.is_none());
            }
            self.ahead = Some(read);
        }
        Ok(matches!(self.ahead, Some(None)))
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
        let batch = match call.part {
            Some(part) => self.part(part, cx.device)?,
            None => self.batch(call.keep)?,
        };
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
        leave_loader();
        self.start = None;
        self.ready = None;
        self.ahead = None;
        self.kept = None;
        self.divided = None;
        self.batches = None;
    }

    fn show(&self, out: &mut BatchWriter) {
        if let Some(batch) = &self.ready {
            batch.save(out);
        }
    }

    fn keep(&mut self) {
        self.kept = self.ready.as_ref().map(|batch| match self.step.copy(batch) {
            Some(copy) => Kept::Copy(copy),
            None => Kept::Parts(parts_of(batch)),
        });
    }

    fn kept(&mut self) -> Option<BatchWriter> {
        self.kept.take().map(|kept| match kept {
            Kept::Copy(batch) => parts_of(&batch),
            Kept::Parts(parts) => parts,
        })
    }

    fn forget(&mut self) {
        self.kept = None;
    }
}

impl<M, B> Drop for LoaderFetcher<M, B> {
    // An evaluation that fails does not end its loaders.
    fn drop(&mut self) {
        leave_loader();
    }
}

fn too_few(read: u64, total: u64) -> Error {
    Error::data(format!("`Loader::len` is {total}, but the epoch ended after {read} batches"))
        .help("return `None` from `len` if the length is not known in advance")
}
