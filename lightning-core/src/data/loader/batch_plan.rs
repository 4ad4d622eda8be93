//! Which items of a dataset form each batch of an epoch.

use std::sync::Arc;

use super::{EpochOffset, errors::LoaderErrors};
use crate::{
    data::{
        BatchSampler, Dataset, SampleContext, Sampler,
        sampler::{RandomSampler, check_range},
    },
    error::{Error, Result},
};

/// The settings of a builder that decide the batches of a dataset of `Item`s.
pub(super) struct BatchPlanSettings<Item: Send> {
    pub(super) batch_size: Option<usize>,
    pub(super) shuffle: Option<bool>,
    pub(super) drop_last: Option<bool>,
    pub(super) sampler: Option<Box<dyn Sampler>>,
    pub(super) batch_sampler: Option<Box<dyn BatchSampler<Item>>>,
}

impl<Item: Send> Default for BatchPlanSettings<Item> {
    fn default() -> Self {
        Self { batch_size: None, shuffle: None, drop_last: None, sampler: None, batch_sampler: None }
    }
}

impl<Item: Send> BatchPlanSettings<Item> {
    /// Checks the settings and returns the plan. Every error is added to `errors`.
    pub(super) fn check(self, dataset: &dyn Dataset<Item = Item>, errors: &mut LoaderErrors) -> BatchPlan
    where
        Item: 'static,
    {
        let items = dataset.len();
        match dataset.check() {
            Err(error) => errors.push_error(error),
            Ok(()) if items == 0 => errors.push("the dataset is empty", "pass a dataset with at least one item"),
            Ok(()) => {}
        }
        let Self { batch_size, shuffle, drop_last, sampler, batch_sampler } = self;
        let Some(mut batch_sampler) = batch_sampler else {
            return BatchPlan::fixed(items, batch_size, shuffle, drop_last, sampler, errors);
        };
        let beside = [
            ("batch_size", batch_size.is_some()),
            ("shuffle", shuffle.is_some()),
            ("sampler", sampler.is_some()),
            ("drop_last", drop_last.is_some()),
        ];
        for (name, _) in beside.iter().filter(|(_, set)| *set) {
            errors.push(format!("`{name}` cannot be set together with `batch_sampler`"), format!("remove `{name}`"));
        }
        if let Err(error) = batch_sampler.prepare(dataset) {
            errors.push_error(error);
        }
        let (batches, batch_size) = (batch_sampler.len(items), batch_sampler.batch_size());
        if batches == 0 && items > 0 {
            errors.push("`BatchSampler::len` must be at least 1, found 0", "return the number of batches in an epoch");
        }
        BatchPlan {
            items,
            batches,
            batch_size,
            drop_last: false,
            order: OrderSource::Batches(Arc::new(Sampled(batch_sampler))),
        }
    }
}

/// Which items form each batch of an epoch.
#[derive(Clone)]
pub(super) struct BatchPlan {
    pub(super) items: usize,
    pub(super) batches: usize,
    pub(super) batch_size: usize,
    pub(super) drop_last: bool,
    order: OrderSource,
}

/// What decides the order of an epoch.
#[derive(Clone)]
enum OrderSource {
    /// The order of the dataset.
    Dataset,
    /// `shuffle(true)`.
    Shuffle(RandomSampler),
    /// A sampler, whose indices are checked.
    Sampler(Arc<dyn Sampler>),
    /// A batch sampler, whose batches are checked.
    Batches(Arc<dyn BatchesOf>),
}

/// A batch sampler with the type of its items erased.
trait BatchesOf: Send + Sync {
    fn batches(&self, cx: &SampleContext) -> Result<Vec<Vec<usize>>>;
}

struct Sampled<Item: Send>(Box<dyn BatchSampler<Item>>);

impl<Item: Send + 'static> BatchesOf for Sampled<Item> {
    fn batches(&self, cx: &SampleContext) -> Result<Vec<Vec<usize>>> {
        self.0.batches(cx)
    }
}

impl BatchPlan {
    fn fixed(
        items: usize,
        batch_size: Option<usize>,
        shuffle: Option<bool>,
        drop_last: Option<bool>,
        sampler: Option<Box<dyn Sampler>>,
        errors: &mut LoaderErrors,
    ) -> Self {
        let batch_size = batch_size.unwrap_or(1);
        let drop_last = drop_last.unwrap_or(false);
        if batch_size == 0 {
            errors.push("`batch_size` must be at least 1, found 0", "set `batch_size` to at least 1");
        }
        if shuffle == Some(true) && sampler.is_some() {
            errors.push("`shuffle` and `sampler` cannot be set together", "remove one of them");
        }
        if items > 0
            && let Some(Err(error)) = sampler.as_ref().map(|sampler| sampler.check(items))
        {
            errors.push_error(error);
        }
        let sampled = sampler.as_ref().map_or(items, |sampler| sampler.len(items));
        if drop_last && 0 < sampled && sampled < batch_size {
            let who = if sampler.is_some() { "an epoch" } else { "the dataset" };
            errors.push(
                format!("`drop_last` leaves no batch: {who} has {sampled} items, `batch_size` is {batch_size}"),
                format!("set `batch_size` to at most {sampled}, or remove `drop_last`"),
            );
        }
        let order = match sampler {
            Some(sampler) => OrderSource::Sampler(sampler.into()),
            None if shuffle == Some(true) => OrderSource::Shuffle(RandomSampler::new()),
            None => OrderSource::Dataset,
        };
        let size = batch_size.max(1);
        let batches = if drop_last { sampled / size } else { sampled.div_ceil(size) };
        Self { items, batches, batch_size, drop_last, order }
    }

    /// The order of the epoch of `at`.
    ///
    /// # Errors
    /// If the dataset's length changed since `build`, or if a sampler returned indices outside the
    /// dataset or another number than its `len`.
    pub(super) fn order(&self, at: EpochOffset, items: usize) -> Result<Order> {
        if items != self.items {
            return Err(Error::data(format!(
                "the length of the dataset must not change: it was {} when the loader was built, found {items}",
                self.items
            ))
            .help("build the loader again after the dataset changed"));
        }
        let cx = SampleContext { items, seed: at.seed, epoch: at.epoch };
        match &self.order {
            OrderSource::Dataset => Ok(Order::Dataset),
            OrderSource::Shuffle(sampler) => sampler.indices(&cx).map(Order::Listed),
            OrderSource::Sampler(sampler) => {
                let indices = sampler.indices(&cx)?;
                check_len(indices.len(), sampler.len(items), "the sampler", "indices")?;
                check_range(&indices, items)?;
                Ok(Order::Listed(indices))
            }
            OrderSource::Batches(sampler) => {
                let batches = sampler.batches(&cx)?;
                check_len(batches.len(), self.batches, "the batch sampler", "batches")?;
                if let Some(batch) = batches.iter().position(Vec::is_empty) {
                    return Err(Error::data(format!("batch {batch} of the batch sampler is empty"))
                        .help("return at least one index for each batch"));
                }
                for (batch, indices) in batches.iter().enumerate() {
                    check_range(indices, items)
                        .map_err(|error| Error::data(format!("batch {batch} of the batch sampler")).caused_by(error))?;
                }
                Ok(Order::Batches(batches))
            }
        }
    }

    /// The dataset indices of one batch.
    pub(super) fn indices(&self, order: &Order, batch: usize) -> Vec<usize> {
        let start = batch.saturating_mul(self.batch_size);
        let places = |len: usize| start.min(len)..start.saturating_add(self.batch_size).min(len);
        match order {
            Order::Dataset => places(self.items).collect(),
            Order::Listed(indices) => {
                indices.as_slice().get(places(indices.len())).map(<[usize]>::to_vec).unwrap_or_default()
            }
            Order::Batches(batches) => batches.as_slice().get(batch).cloned().unwrap_or_default(),
        }
    }

    pub(super) fn shuffles(&self) -> bool {
        matches!(self.order, OrderSource::Shuffle(_))
    }
}

fn check_len(given: usize, promised: usize, who: &str, what: &str) -> Result<()> {
    if given == promised {
        return Ok(());
    }
    Err(Error::data(format!("{who} must return as many {what} as its `len`: expected {promised}, found {given}"))
        .help("return the number of every epoch from `len`"))
}

/// Which item comes at each place of an epoch.
pub(super) enum Order {
    Dataset,
    Listed(Vec<usize>),
    Batches(Vec<Vec<usize>>),
}
