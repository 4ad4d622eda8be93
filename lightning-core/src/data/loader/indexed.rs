//! Loaders of datasets: items are read by their index, so that any thread can make any batch.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use burn::tensor::Device;

use super::{
    Batches, Collate, EpochOffset, Loader, Share, Summary, Transform,
    batch_plan::{BatchPlan, Order},
};
use crate::{
    data::{
        Dataset,
        prefetch::{
            epoch::{Epoch, Job, Reader, Watch, in_batch},
            ordered::Ordered,
            workers::Workers,
        },
    },
    error::{Error, ErrorKind, Result},
    os::panics::catch_panic,
    random::{Rng, Stream},
    trace::{self, At, Kind, Span},
};

/// Puts the tensors of a batch in memory from which the copy to a device is fast.
pub(super) type Stage<B> = fn(B, &Device) -> B;

/// How the batches of a dataset are made.
pub(super) struct Recipe<D, B, C, M> {
    pub(super) dataset: D,
    pub(super) map: M,
    pub(super) collate: C,
    pub(super) plan: BatchPlan,
    pub(super) stage: Option<Stage<B>>,
    pub(super) batch: PhantomData<fn() -> B>,
}

/// A loader of a dataset, before the types of dataset, map and collate function are erased.
pub(super) struct Indexed<D, B, C, M> {
    // Workers hold the recipe and never the loader: dropping the loader may join the workers.
    pub(super) recipe: Arc<Recipe<D, B, C, M>>,
    pub(super) workers: Workers,
}

impl<D, B, C, M> Loader<B> for Indexed<D, B, C, M>
where
    D: Dataset + 'static,
    B: Send + 'static,
    M: Transform<D::Item>,
    C: Collate<M::Output, B>,
{
    fn len(&self) -> Option<usize> {
        Some(self.recipe.plan.batches)
    }

    fn batches(&self, from: EpochOffset) -> Result<Batches<B>> {
        self.open(from, None, Share::WHOLE)
    }

    fn batches_for(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        self.open(from, Some(device), Share::WHOLE)
    }

    fn batches_in_order(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        self.batches_of_share(from, device, Share::WHOLE, true)
    }

    fn batches_of_share(&self, from: EpochOffset, device: &Device, share: Share, in_order: bool) -> Result<Batches<B>> {
        match in_order && self.recipe.plan.shuffles() {
            true => self.open_with(Order::Dataset, from, Some(device), share),
            false => self.open(from, Some(device), share),
        }
    }

    fn indices(&self, at: EpochOffset) -> Result<Option<Vec<usize>>> {
        let plan = &self.recipe.plan;
        let order = plan.order(at, self.recipe.dataset.len())?;
        let batch = usize::try_from(at.batch).unwrap_or(usize::MAX);
        Ok(Some(plan.indices(&order, batch)))
    }
}

impl<D, B, C, M> Indexed<D, B, C, M>
where
    D: Dataset + 'static,
    B: Send + 'static,
    M: Transform<D::Item>,
    C: Collate<M::Output, B>,
{
    pub(super) fn summary(&self) -> Summary {
        let plan = &self.recipe.plan;
        Summary {
            items: Some(plan.items),
            batch_size: plan.batch_size,
            shuffle: plan.shuffles(),
            drop_last: plan.drop_last,
            workers: self.workers.settings.count,
        }
    }

    fn open(&self, from: EpochOffset, device: Option<&Device>, share: Share) -> Result<Batches<B>> {
        let (first, end) = self.range(from, share);
        // At the end of an epoch no order is needed any more.
        let order = match first < end {
            true => self.recipe.plan.order(from, self.recipe.dataset.len())?,
            false => Order::Dataset,
        };
        self.open_with(order, from, device, share)
    }

    /// The numbers of the first batch and of the end, among the batches of the share.
    fn range(&self, from: EpochOffset, share: Share) -> (usize, usize) {
        let end = share.batches(self.recipe.plan.batches as u64) as usize;
        (usize::try_from(from.batch).map_or(end, |batch| batch.min(end)), end)
    }

    fn open_with(&self, order: Order, from: EpochOffset, device: Option<&Device>, share: Share) -> Result<Batches<B>> {
        let (first, end) = self.range(from, share);
        let epoch: Arc<dyn Epoch<B>> = Arc::new(IndexedEpoch {
            recipe: Arc::clone(&self.recipe),
            order,
            seed: from.seed,
            epoch: from.epoch,
            next: AtomicUsize::new(first),
            end,
            share,
            device: device.filter(|_| self.recipe.stage.is_some()).cloned(),
        });
        if self.workers.settings.count == 0 || first == end {
            return Ok(Box::new(Reader::new(epoch, first)));
        }
        Ok(Box::new(Ordered::start(epoch, first, &self.workers)?))
    }
}

struct IndexedEpoch<D, B, C, M> {
    recipe: Arc<Recipe<D, B, C, M>>,
    order: Order,
    seed: u64,
    epoch: u64,
    next: AtomicUsize,
    end: usize,
    share: Share,
    /// The device to stage the batches for.
    device: Option<Device>,
}

impl<D, B, C, M> Epoch<B> for IndexedEpoch<D, B, C, M>
where
    D: Dataset + 'static,
    B: Send + 'static,
    M: Transform<D::Item>,
    C: Collate<M::Output, B>,
{
    fn draw(self: Arc<Self>) -> Option<Job<B>> {
        let batch = self.next.fetch_add(1, Ordering::Relaxed);
        if batch >= self.end {
            // Keeps the counter from wrapping around if `draw` is called again at the end.
            self.next.store(self.end, Ordering::Relaxed);
            return None;
        }
        Some(Job { batch, make: Box::new(move |watch| self.make(batch, watch)) })
    }

    fn end(&self) -> Option<usize> {
        Some(self.end)
    }
}

impl<D, B, C, M> IndexedEpoch<D, B, C, M>
where
    D: Dataset + 'static,
    M: Transform<D::Item>,
    C: Collate<M::Output, B>,
{
    fn make(&self, batch: usize, watch: &Watch) -> Result<B> {
        let indices = self.recipe.plan.indices(&self.order, self.share.batch(batch as u64) as usize);
        let made = match self.gather(batch, &indices, watch) {
            Some(made) => made,
            None => self.items(batch, &indices, watch).and_then(|items| {
                watch.leave_items();
                collate(&self.recipe.collate, items, batch)
            }),
        };
        let made = made.map_err(|error| error.at(in_batch(batch)))?;
        Ok(staged(made, self.recipe.stage, self.device.as_ref()))
    }

    /// The batch from the dataset's buffers, if both the dataset and the batch support it.
    fn gather(&self, batch: usize, indices: &[usize], watch: &Watch) -> Option<Result<B>> {
        let Recipe { dataset, collate, .. } = &*self.recipe;
        let columns = collate.columns().filter(|_| M::IDENTITY)?;
        if let Err(stopped) = watch.reach(indices.first().copied().unwrap_or_default()) {
            return Some(Err(stopped));
        }
        let span = Span::at(Kind::Data, "fetch", At::Batch(batch as u64));
        match catch_panic(|| dataset.gather(indices)) {
            Ok(Some(gathered)) if gathered.len() == columns => {
                drop(span);
                watch.leave_items();
                let _span = Span::at(Kind::Data, "collate", At::Batch(batch as u64));
                Some(catch_panic(|| collate.collate_columns(gathered)))
            }
            // Reading item by item, the types report what does not fit.
            Ok(_) => {
                span.cancel();
                None
            }
            Err(error) => Some(Err(wrapped(error, "the items of a batch could not be read".to_owned()))),
        }
    }

    fn items(&self, batch: usize, indices: &[usize], watch: &Watch) -> Result<Vec<M::Output>> {
        let _span = Span::at(Kind::Data, "fetch", At::Batch(batch as u64));
        let Recipe { dataset, map, .. } = &*self.recipe;
        let mut items = Vec::with_capacity(indices.len());
        for &index in indices {
            watch.reach(index)?;
            let item = catch_panic(|| dataset.get(index))
                .map_err(|error| wrapped(error, format!("item {index} of the dataset could not be read")))?;
            items.push(mapped(map, item, index, (self.seed, self.epoch))?);
        }
        Ok(items)
    }
}

/// Applies `map` with random numbers that are a function of seed, epoch and index.
pub(super) fn mapped<I, M: Transform<I>>(
    map: &M,
    item: I,
    index: usize,
    (seed, epoch): (u64, u64),
) -> Result<M::Output> {
    catch_panic(|| map.apply(item, || Rng::derived(seed, Stream::Worker, epoch, index as u64)))
        .map_err(|error| wrapped(error, format!("`map` failed on item {index} of the dataset")))
}

pub(super) fn collate<I, B, C: Collate<I, B>>(collate: &C, items: Vec<I>, batch: usize) -> Result<B> {
    let _span = Span::at(Kind::Data, "collate", At::Batch(batch as u64));
    let count = items.len();
    catch_panic(|| collate.collate(items))
        .map_err(|error| wrapped(error, format!("`collate` failed on batch {batch} with {count} items")))
}

pub(super) fn staged<B>(batch: B, stage: Option<Stage<B>>, device: Option<&Device>) -> B {
    match (stage, device) {
        (Some(stage), Some(device)) => {
            let _span = trace::span(Kind::Data, "pin_memory");
            stage(batch, device)
        }
        _ => batch,
    }
}

/// Adds what was being done to an error. A panic keeps its kind.
pub(super) fn wrapped(error: Error, doing: String) -> Error {
    let kind = if error.kind() == ErrorKind::Panic { ErrorKind::Panic } else { ErrorKind::Data };
    Error::new(kind, doing).caused_by(error)
}
