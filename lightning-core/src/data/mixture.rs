//! Several streams of items, mixed by their shares.

use std::sync::Arc;

use super::{DataLoader, IterableBuilder};
use crate::{
    error::{Error, Result},
    random::Rng,
};

/// The items of an epoch.
type Items<I> = Box<dyn Iterator<Item = Result<I>> + Send>;

/// Returns the items of an epoch.
type Start<I> = Arc<dyn Fn(u64, Rng) -> Items<I> + Send + Sync>;

/// Several streams of items, of which each item is drawn from one by its share.
///
/// The order depends on the seed of the run and the number of the epoch alone: a resumed run continues
/// with the item that comes next. An epoch ends with the first stream that ends, or with
/// [`items`](Self::items).
///
/// ```
/// use lightning_core::data::{DataLoader, EpochOffset, Mixture};
///
/// let loader: DataLoader<Vec<u32>> = Mixture::new()
///     .add(3.0, |_epoch, _rng| (0..100).map(Ok))
///     .add(1.0, |_epoch, _rng| (1000..1100).map(Ok))
///     .items(40)
///     .loader()?
///     .batch_size(40)
///     .collate(|items: Vec<u32>| Ok(items))
///     .build()?;
/// let items = loader.resume(EpochOffset::default())?.next().unwrap()?;
/// let of_first = items.iter().filter(|item| **item < 1000).count();
/// assert!((20..40).contains(&of_first), "about 30 of 40");
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub struct Mixture<I> {
    sources: Vec<(f64, Start<I>)>,
    items: Option<usize>,
}

impl<I> std::fmt::Debug for Mixture<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shares: Vec<f64> = self.sources.iter().map(|(share, _)| *share).collect();
        f.debug_struct("Mixture").field("shares", &shares).field("items", &self.items).finish()
    }
}

impl<I> Default for Mixture<I> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I> Mixture<I> {
    /// Creates a mixture of nothing.
    pub fn new() -> Self {
        Self { sources: Vec::new(), items: None }
    }

    /// Adds a stream, such as `move |_epoch, rng| shards.samples(rng)`, with its share: 3 and 1 are
    /// three quarters and one.
    #[must_use]
    pub fn add<F, J>(mut self, share: f64, items: F) -> Self
    where
        F: Fn(u64, Rng) -> J + Send + Sync + 'static,
        J: IntoIterator<Item = Result<I>>,
        J::IntoIter: Send + 'static,
    {
        self.sources.push((share, Arc::new(move |epoch, rng| Box::new(items(epoch, rng).into_iter()))));
        self
    }

    /// Sets how many items an epoch has. A stream that ends before starts again.
    #[must_use]
    pub fn items(mut self, items: usize) -> Self {
        self.items = Some(items);
        self
    }

    /// Starts a loader of the items.
    ///
    /// # Errors
    /// If there is no stream, or a share is not a positive number.
    pub fn loader<B: 'static>(self) -> Result<IterableBuilder<I, B>>
    where
        I: Send + 'static,
    {
        if self.sources.is_empty() {
            return Err(Error::config("a mixture must have a stream, found none").help("call `.add(share, items)`"));
        }
        if let Some((share, _)) = self.sources.iter().find(|(share, _)| !share.is_finite() || *share <= 0.0) {
            let text = format!("the share of a stream must be a positive number, found {share}");
            return Err(Error::config(text).help("leave the stream out if nothing of it is wanted"));
        }
        Ok(DataLoader::try_iterable(move |epoch, rng| Mixed::new(&self, epoch, rng)))
    }
}

/// The items of an epoch.
struct Mixed<I> {
    sources: Vec<(f64, Start<I>, Items<I>)>,
    left: Option<usize>,
    epoch: u64,
    rng: Rng,
    is_over: bool,
}

impl<I> Mixed<I> {
    fn new(mixture: &Mixture<I>, epoch: u64, mut rng: Rng) -> Self {
        let open = |(share, start): &(f64, Start<I>)| {
            let items = start(epoch, Rng::new(rng.next_u64()));
            (*share, start.clone(), items)
        };
        let sources = mixture.sources.iter().map(open).collect();
        Self { sources, left: mixture.items, epoch, rng, is_over: false }
    }

    fn draw(&mut self) -> Option<Result<I>> {
        match &mut self.left {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        let all: f64 = self.sources.iter().map(|(share, ..)| share).sum();
        let mut point = self.rng.uniform() * all;
        let mut chosen = 0;
        for (at, (share, ..)) in self.sources.iter().enumerate() {
            chosen = at;
            point -= share;
            if point < 0.0 {
                break;
            }
        }
        let (_, start, items) = self.sources.get_mut(chosen)?;
        let item = items.next();
        if item.is_some() || self.left.is_none() {
            return item;
        }
        // From its beginning, in another order if it has one.
        *items = start(self.epoch, Rng::new(self.rng.next_u64()));
        let empty = || Err(Error::data("a stream of a mixture must have items, found none").help("leave it out"));
        Some(items.next().unwrap_or_else(empty))
    }
}

impl<I> Iterator for Mixed<I> {
    type Item = Result<I>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.draw();
        self.is_over = !matches!(item, Some(Ok(_)));
        item
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::data::EpochOffset;

    fn loader(items: Option<usize>, workers: usize) -> DataLoader<Vec<u32>> {
        let mixture = Mixture::new().add(3.0, |_, _| (0..300).map(Ok)).add(1.0, |_, _| (1000..1100).map(Ok));
        let mixture = Mixture { items, ..mixture };
        let builder = mixture.loader().unwrap().batch_size(1).num_workers(workers);
        builder.collate(|items: Vec<u32>| Ok(items)).build().unwrap()
    }

    fn all(loader: &DataLoader<Vec<u32>>, at: EpochOffset) -> Vec<u32> {
        loader.resume(at).unwrap().collect::<Result<Vec<_>>>().unwrap().concat()
    }

    #[test]
    fn shares_and_order_hold_and_a_resumed_epoch_is_the_rest() {
        let whole = all(&loader(Some(1000), 0), EpochOffset::default());
        let of_first = whole.iter().filter(|item| **item < 1000).count();
        // Four standard deviations of a binomial of 1000 and 3/4.
        assert!((695..=805).contains(&of_first), "{of_first}");
        let streams: Vec<Vec<u32>> = [0, 1000]
            .map(|from| {
                let own = whole.iter().copied().filter(|item| (from..from + 1000).contains(item));
                own.collect()
            })
            .into();
        assert_eq!(streams[0][..300], (0..300).collect::<Vec<_>>());
        assert_eq!(streams[0][300..310], (0..10).collect::<Vec<_>>(), "it starts again");
        for (batch, workers) in [(1, 0), (500, 0), (500, 2), (999, 4)] {
            let at = EpochOffset { batch, ..EpochOffset::default() };
            assert_eq!(all(&loader(Some(1000), workers), at), whole[batch as usize..]);
        }
        let ended = all(&loader(None, 0), EpochOffset::default());
        assert!(ended.iter().filter(|item| **item < 1000).count() == 300 || ended.contains(&1099));
    }

    #[test]
    fn wrong_shares_are_refused() {
        let error = Mixture::<u32>::new().loader::<u32>().map(drop).unwrap_err().to_string();
        assert!(error.contains("found none"), "{error}");
        let error = Mixture::new().add(-1.0, |_, _| [Ok(1)]).loader::<u32>().map(drop).unwrap_err().to_string();
        assert!(error.contains("must be a positive number, found -1"), "{error}");
        let empty = Mixture::<u32>::new().add(1.0, |_, _| []).items(2).loader().unwrap();
        let loader = empty.collate(|items: Vec<u32>| Ok(items)).build().unwrap();
        let error = loader.resume(EpochOffset::default()).unwrap().next().unwrap().unwrap_err().to_string();
        assert!(error.contains("must have items, found none"), "{error}");
    }
}
