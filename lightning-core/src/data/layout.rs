//! How the items of an epoch fall into batches.

use std::{fmt, sync::Arc};

use super::{
    BatchSampler, Dataset, EpochOffset, SampleContext, Sampler,
    sampler::{RandomSampler, check_range},
};
use crate::error::{Error, Result};

/// What a builder was told about the batches of a dataset of `Item`s.
pub(super) struct LayoutSettings<Item: Send> {
    pub(super) batch_size: Option<usize>,
    pub(super) shuffle: Option<bool>,
    pub(super) drop_last: Option<bool>,
    pub(super) sampler: Option<Box<dyn Sampler>>,
    pub(super) batch_sampler: Option<Box<dyn BatchSampler<Item>>>,
}

impl<Item: Send> Default for LayoutSettings<Item> {
    fn default() -> Self {
        Self { batch_size: None, shuffle: None, drop_last: None, sampler: None, batch_sampler: None }
    }
}

impl<Item: Send> LayoutSettings<Item> {
    /// The layout, with every problem of the settings added to `problems`.
    pub(super) fn check(self, dataset: &dyn Dataset<Item = Item>, problems: &mut Problems) -> Layout
    where
        Item: 'static,
    {
        let items = dataset.len();
        match dataset.check() {
            Err(error) => problems.add(error),
            Ok(()) if items == 0 => problems.tell("the dataset is empty", "give the loader at least one item"),
            Ok(()) => {}
        }
        let Self { batch_size, shuffle, drop_last, sampler, batch_sampler } = self;
        let Some(mut batch_sampler) = batch_sampler else {
            return Layout::fixed(items, batch_size, shuffle, drop_last, sampler, problems);
        };
        let beside = [
            ("batch_size", batch_size.is_some()),
            ("shuffle", shuffle.is_some()),
            ("sampler", sampler.is_some()),
            ("drop_last", drop_last.is_some()),
        ];
        for (name, _) in beside.iter().filter(|(_, set)| *set) {
            problems
                .tell(format!("`{name}` stands beside `batch_sampler`, which decides it"), format!("remove `{name}`"));
        }
        if let Err(error) = batch_sampler.prepare(dataset) {
            problems.add(error);
        }
        let (batches, batch_size) = (batch_sampler.len(items), batch_sampler.batch_size());
        if batches == 0 && items > 0 {
            problems.tell("the batch sampler makes no batch", "let `BatchSampler::len` say at least 1");
        }
        Layout {
            items,
            batches,
            batch_size,
            drop_last: false,
            order: OrderOf::Batches(Arc::new(Sampled(batch_sampler))),
        }
    }
}

/// How the items of an epoch fall into batches, checked.
#[derive(Clone)]
pub(super) struct Layout {
    pub(super) items: usize,
    pub(super) batches: usize,
    pub(super) batch_size: usize,
    pub(super) drop_last: bool,
    order: OrderOf,
}

/// What the order of an epoch comes from.
#[derive(Clone)]
enum OrderOf {
    Dataset,
    Sampler { sampler: Arc<dyn Sampler>, own: bool },
    Batches(Arc<dyn BatchesOf>),
}

/// A batch sampler, whatever its items are.
trait BatchesOf: Send + Sync {
    fn batches(&self, cx: &SampleContext) -> Result<Vec<Vec<usize>>>;
}

struct Sampled<Item: Send>(Box<dyn BatchSampler<Item>>);

impl<Item: Send + 'static> BatchesOf for Sampled<Item> {
    fn batches(&self, cx: &SampleContext) -> Result<Vec<Vec<usize>>> {
        self.0.batches(cx)
    }
}

impl Layout {
    fn fixed(
        items: usize,
        batch_size: Option<usize>,
        shuffle: Option<bool>,
        drop_last: Option<bool>,
        sampler: Option<Box<dyn Sampler>>,
        problems: &mut Problems,
    ) -> Self {
        let batch_size = batch_size.unwrap_or(1);
        let drop_last = drop_last.unwrap_or(false);
        if batch_size == 0 {
            problems.tell("`batch_size` is 0", "set `batch_size` to at least 1");
        }
        if shuffle == Some(true) && sampler.is_some() {
            problems.tell("`shuffle` stands beside `sampler`, which decides the order", "remove one of them");
        }
        if items > 0
            && let Some(Err(error)) = sampler.as_ref().map(|sampler| sampler.check(items))
        {
            problems.add(error);
        }
        let sampled = sampler.as_ref().map_or(items, |sampler| sampler.len(items));
        if drop_last && 0 < sampled && sampled < batch_size {
            let who = if sampler.is_some() { "an epoch" } else { "the dataset" };
            problems.tell(
                format!("`drop_last` leaves no batch: {who} has {sampled} items, `batch_size` is {batch_size}"),
                "make `batch_size` at most the number of items, or leave `drop_last` out",
            );
        }
        let order = match sampler {
            Some(sampler) => OrderOf::Sampler { sampler: sampler.into(), own: true },
            None if shuffle == Some(true) => OrderOf::Sampler { sampler: Arc::new(RandomSampler::new()), own: false },
            None => OrderOf::Dataset,
        };
        let size = batch_size.max(1);
        let batches = if drop_last { sampled / size } else { sampled.div_ceil(size) };
        Self { items, batches, batch_size, drop_last, order }
    }

    /// The order of the epoch of `at`.
    ///
    /// # Errors
    /// When the dataset is not as long as it was, or a sampler of the user's gives what it must not.
    pub(super) fn order(&self, at: EpochOffset, items: usize) -> Result<Order> {
        if items != self.items {
            return Err(Error::data(format!(
                "the dataset has {items} items, and had {} when the loader was built",
                self.items
            ))
            .help("build the loader again after the dataset has changed"));
        }
        let cx = SampleContext { items, seed: at.seed, epoch: at.epoch };
        match &self.order {
            OrderOf::Dataset => Ok(Order::Dataset),
            OrderOf::Sampler { sampler, own } => {
                let indices = sampler.indices(&cx)?;
                if *own {
                    check_len(indices.len(), sampler.len(items), "the sampler", "indices")?;
                    check_range(&indices, items)?;
                }
                Ok(Order::Listed(indices))
            }
            OrderOf::Batches(sampler) => {
                let batches = sampler.batches(&cx)?;
                check_len(batches.len(), self.batches, "the batch sampler", "batches")?;
                if let Some(batch) = batches.iter().position(Vec::is_empty) {
                    return Err(Error::data(format!("batch {batch} of the batch sampler is empty")));
                }
                for (batch, indices) in batches.iter().enumerate() {
                    check_range(indices, items)
                        .map_err(|error| Error::data(format!("batch {batch} of the batch sampler")).caused_by(error))?;
                }
                Ok(Order::Batches(batches))
            }
        }
    }

    /// The indices of one batch.
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
        matches!(self.order, OrderOf::Sampler { own: false, .. })
    }
}

fn check_len(given: usize, promised: usize, who: &str, what: &str) -> Result<()> {
    if given == promised {
        return Ok(());
    }
    Err(Error::data(format!("{who} gave {given} {what}, and its `len` says {promised}"))
        .help("let `len` say how many there are in every epoch"))
}

/// Which item stands at a place of the epoch.
pub(super) enum Order {
    Dataset,
    Listed(Vec<usize>),
    Batches(Vec<Vec<usize>>),
}

/// What is wrong with the settings of a loader, told together.
#[derive(Default)]
pub(super) struct Problems {
    messages: Vec<String>,
    help: Vec<String>,
    /// Errors of user code keep what they say.
    first: Option<Error>,
}

impl Problems {
    pub(super) fn tell(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.messages.push(message.into());
        let help = help.into();
        if !self.help.contains(&help) {
            self.help.push(help);
        }
    }

    pub(super) fn add(&mut self, error: Error) {
        self.messages.push(error.to_string());
        self.first.get_or_insert(error);
    }

    /// # Errors
    /// All problems.
    pub(super) fn finish(self) -> Result<()> {
        let Self { messages, help, first } = self;
        match (messages.len(), first) {
            (0, _) => Ok(()),
            (1, Some(error)) => Err(error),
            _ if help.is_empty() => Err(Error::data(messages.join("; "))),
            _ => Err(Error::data(messages.join("; ")).help(help.join("; "))),
        }
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.messages).finish()
    }
}
