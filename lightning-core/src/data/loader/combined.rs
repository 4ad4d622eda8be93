//! Several loaders read as one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;

use super::{Batches, DataLoader, EpochOffset, Loader, Summary};
use crate::{
    error::{Error, Result},
    random::{Rng, Stream},
};

/// Reads two to four loaders as one, in the four ways of PyTorch Lightning's `CombinedLoader`.
///
/// | of loaders with 3 and 4 batches | batches | a batch is |
/// |---|---|---|
/// | [`min_size`](Self::min_size) | 3 | `(A, B)` |
/// | [`max_size_cycle`](Self::max_size_cycle) | 4 | `(A, B)`, the shorter loader read again |
/// | [`max_size`](Self::max_size) | 4 | `(Option<A>, Option<B>)` |
/// | [`sequential`](Self::sequential) | 7 | `A`, which is `B` |
///
/// The result is a [`DataLoader`] as any other. Each loader has random numbers of its own: two
/// shuffled loaders of one length come in different orders.
///
/// ```
/// use lightning_core::data::{Combined, EpochOffset, from_loader};
///
/// let both = Combined::max_size_cycle((from_loader([1, 2, 3, 4]), from_loader(["a", "b", "c"])));
/// let batches = both.resume(EpochOffset::default())?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(batches, [(1, "a"), (2, "b"), (3, "c"), (4, "a")]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Combined;

impl Combined {
    /// A batch of each, until the shortest ends.
    pub fn min_size<B: Send + 'static>(loaders: impl Combine<B>) -> DataLoader<B> {
        loaders.together(Mode::Min)
    }

    /// A batch of each, until the longest ends; shorter ones start again, shuffled anew.
    ///
    /// Where a loader does not know its length, resuming reads it through from the start.
    pub fn max_size_cycle<B: Send + 'static>(loaders: impl Combine<B>) -> DataLoader<B> {
        loaders.together(Mode::MaxCycle)
    }

    /// A batch of each, until the longest ends; `None` where a shorter one has ended.
    pub fn max_size<B: Send + 'static, L: Combine<B>>(loaders: L) -> DataLoader<L::Filled> {
        loaders.filled()
    }

    /// All batches of the first loader, then all of the second, and so on. All have batches of one
    /// type; different ones go into an enum with `#[derive(Batch)]`.
    ///
    /// Where a loader does not know its length, resuming after it reads it through.
    pub fn sequential<B: Send + 'static>(loaders: impl CombineSequential<B>) -> DataLoader<B> {
        DataLoader::new(Chained(loaders.members()), Summary::default())
    }
}

/// How several loaders end.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With the shortest.
    Min,
    /// With the longest, the others being read again.
    MaxCycle,
    /// With the longest, the others giving nothing.
    Max,
}

/// A loader that several threads may open.
type Member<B> = Arc<Mutex<dyn Loader<B>>>;

fn member<B: 'static>(loader: impl Loader<B>) -> Member<B> {
    Arc::new(Mutex::new(loader))
}

fn locked<B>(member: &Member<B>) -> MutexGuard<'_, dyn Loader<B> + 'static> {
    member.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The position of one loader of several, in one of its rounds: the first round of the first loader
/// is the position itself.
fn position(of: EpochOffset, loader: usize, round: u64, batch: u64) -> EpochOffset {
    let mut seed = of.seed;
    if loader > 0 || round > 0 {
        // No epoch has this number.
        seed = Rng::derived(seed, Stream::Sample, u64::MAX, (loader as u64) << 48 | round).next_u64();
    }
    EpochOffset { seed, epoch: of.epoch, batch }
}

fn start<B: 'static>(member: &Member<B>, from: EpochOffset, device: Option<&Device>) -> Result<Batches<B>> {
    let loader = locked(member);
    match device {
        Some(device) => loader.batches_for(from, device),
        None => loader.batches(from),
    }
}

/// Says which loader an error is of.
fn named<T>(result: Result<T>, place: usize) -> Result<T> {
    result.map_err(|error| Error::new(error.kind(), format!("loader {place} of the combination")).caused_by(error))
}

/// One loader of several, read again and again where that is wanted.
struct Track<B> {
    member: Member<B>,
    place: usize,
    from: EpochOffset,
    device: Option<Device>,
    round: u64,
    batches: Batches<B>,
    /// It has been read to its end at least once.
    exhausted: bool,
}

impl<B: 'static> Track<B> {
    fn open(member: &Member<B>, place: usize, from: EpochOffset, device: Option<&Device>, mode: Mode) -> Result<Self> {
        let len = locked(member).len().map(|len| len as u64);
        let (round, batch, unread) = match (mode, len) {
            (Mode::MaxCycle, Some(len)) => {
                (from.batch.checked_div(len).unwrap_or(0), from.batch.checked_rem(len).unwrap_or(0), 0)
            }
            // Only reading tells when it starts again.
            (Mode::MaxCycle, None) => (0, 0, from.batch),
            (Mode::Min | Mode::Max, _) => (0, from.batch, 0),
        };
        let batches = named(start(member, position(from, place, round, batch), device), place)?;
        let member = Arc::clone(member);
        let mut track = Self { member, place, from, device: device.cloned(), round, batches, exhausted: round > 0 };
        for _ in 0..unread {
            if track.pull()?.is_none() {
                track.restart()?;
            }
        }
        Ok(track)
    }

    /// The next batch; `None` at the end of a round.
    fn pull(&mut self) -> Result<Option<B>> {
        let pulled = named(self.batches.next().transpose(), self.place)?;
        self.exhausted |= pulled.is_none();
        Ok(pulled)
    }

    /// The first batch of the next round.
    fn restart(&mut self) -> Result<B> {
        self.round += 1;
        let from = position(self.from, self.place, self.round, 0);
        self.batches = named(start(&self.member, from, self.device.as_ref()), self.place)?;
        self.pull()?.ok_or_else(|| {
            Error::data(format!("loader {} of the combination has no batches", self.place))
                .help("give it at least one batch, or combine with `max_size`")
        })
    }
}

/// How many batches loaders of these lengths have together; one that does not know may be the
/// shortest and the longest.
fn together(lengths: &[Option<usize>], mode: Mode) -> Option<usize> {
    let lengths: Option<Vec<usize>> = lengths.iter().copied().collect();
    match mode {
        Mode::Min => lengths?.into_iter().min(),
        Mode::Max | Mode::MaxCycle => lengths?.into_iter().max(),
    }
}

/// Opens loaders of type `T` at a position.
type Open<T, O> = fn(&T, EpochOffset, Option<&Device>, Mode) -> Result<Batches<O>>;

/// Loaders side by side; `O` is what a batch of all is.
struct Parallel<T, O> {
    members: T,
    mode: Mode,
    lengths: fn(&T) -> Vec<Option<usize>>,
    open: Open<T, O>,
}

impl<T: Send + Sync + 'static, O: 'static> Loader<O> for Parallel<T, O> {
    fn len(&self) -> Option<usize> {
        together(&(self.lengths)(&self.members), self.mode)
    }

    fn batches(&self, from: EpochOffset) -> Result<Batches<O>> {
        self.open(from, None)
    }

    fn batches_for(&self, from: EpochOffset, device: &Device) -> Result<Batches<O>> {
        self.open(from, Some(device))
    }
}

impl<T: Send + Sync + 'static, O: 'static> Parallel<T, O> {
    fn open(&self, from: EpochOffset, device: Option<&Device>) -> Result<Batches<O>> {
        let batches = (self.open)(&self.members, from, device, self.mode)?;
        match self.len() {
            // So that nothing is read which the longest loader is too short for.
            Some(len) => {
                Ok(Box::new(batches.take(len.saturating_sub(usize::try_from(from.batch).unwrap_or(usize::MAX)))))
            }
            None => Ok(batches),
        }
    }
}

fn parallel<T: Send + Sync + 'static, O: 'static>(loaders: Parallel<T, O>) -> DataLoader<O> {
    DataLoader::new(loaders, Summary::default())
}

/// Loaders one after the other.
struct Chained<B>(Vec<Member<B>>);

impl<B: Send + 'static> Loader<B> for Chained<B> {
    fn len(&self) -> Option<usize> {
        self.0.iter().map(|member| locked(member).len()).sum()
    }

    fn batches(&self, from: EpochOffset) -> Result<Batches<B>> {
        self.open(from, None)
    }

    fn batches_for(&self, from: EpochOffset, device: &Device) -> Result<Batches<B>> {
        self.open(from, Some(device))
    }
}

impl<B: Send + 'static> Chained<B> {
    fn open(&self, from: EpochOffset, device: Option<&Device>) -> Result<Batches<B>> {
        Ok(Box::new(Chain {
            members: self.0.clone(),
            place: 0,
            from,
            device: device.cloned(),
            skipped: from.batch,
            current: None,
        }))
    }
}

struct Chain<B> {
    members: Vec<Member<B>>,
    place: usize,
    from: EpochOffset,
    device: Option<Device>,
    /// Batches still to be skipped.
    skipped: u64,
    current: Option<Batches<B>>,
}

impl<B: 'static> Chain<B> {
    /// Opens the next loader that is not skipped as a whole; `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        while let Some(member) = self.members.get(self.place) {
            let len = locked(member).len().map(|len| len as u64);
            if let Some(len) = len.filter(|len| *len <= self.skipped) {
                self.skipped -= len;
                self.place += 1;
                continue;
            }
            // A loader that does not know its length is read from its start: it may have fewer
            // batches than are to be skipped.
            let batch = if len.is_some() { std::mem::take(&mut self.skipped) } else { 0 };
            self.current = Some(start(member, position(self.from, self.place, 0, batch), self.device.as_ref())?);
            return Ok(true);
        }
        Ok(false)
    }
}

impl<B: 'static> Iterator for Chain<B> {
    type Item = Result<B>;

    fn next(&mut self) -> Option<Result<B>> {
        loop {
            match self.current.as_mut().map(Iterator::next) {
                Some(Some(_)) if self.skipped > 0 => self.skipped -= 1,
                Some(Some(batch)) => return Some(named(batch, self.place)),
                Some(None) => {
                    self.current = None;
                    self.place += 1;
                }
                None => match named(self.advance(), self.place) {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => {
                        self.place = self.members.len();
                        return Some(Err(error));
                    }
                },
            }
        }
    }
}

/// Two to four loaders, as a tuple, that give batches `B` together.
#[diagnostic::on_unimplemented(
    message = "these are no loaders to combine",
    label = "found `{Self}`",
    note = "give a tuple of two, three or four loaders: `Combined::min_size((a, b))`"
)]
pub trait Combine<B> {
    /// `B` where every member may be missing.
    type Filled: Send + 'static;

    /// The loaders side by side.
    #[doc(hidden)]
    fn together(self, mode: Mode) -> DataLoader<B>;

    /// The loaders side by side, until the longest ends.
    #[doc(hidden)]
    fn filled(self) -> DataLoader<Self::Filled>;
}

/// Loaders of batches of one type, as a tuple.
#[diagnostic::on_unimplemented(
    message = "these loaders cannot be read one after the other",
    label = "found `{Self}`",
    note = "give a tuple of two, three or four loaders whose batches have one type: `Combined::sequential((a, b))`"
)]
pub trait CombineSequential<B> {
    /// The loaders.
    #[doc(hidden)]
    fn members(self) -> Vec<Arc<Mutex<dyn Loader<B>>>>;
}

macro_rules! combine {
    ($($loader:ident $batch:ident $index:tt),+) => {
        impl<$($loader: Loader<$batch>, $batch: Send + 'static),+> Combine<($($batch,)+)> for ($($loader,)+) {
            type Filled = ($(Option<$batch>,)+);

            fn together(self, mode: Mode) -> DataLoader<($($batch,)+)> {
                parallel(Parallel {
                    members: ($(member::<$batch>(self.$index),)+),
                    mode,
                    lengths: |members| vec![$(locked(&members.$index).len()),+],
                    open: |members, from, device, mode| {
                        let mut tracks = ($(Track::open(&members.$index, $index, from, device, mode)?,)+);
                        let mut next = move || {
                            // Every loader is asked, also where another fails: they stay side by
                            // side.
                            let pulled = ($(tracks.$index.pull(),)+);
                            let pulled = ($(pulled.$index?,)+);
                            if mode == Mode::MaxCycle && $(tracks.$index.exhausted)&&+ {
                                return Ok(None);
                            }
                            Ok(Some(($(match pulled.$index {
                                Some(batch) => batch,
                                None if mode == Mode::Min => return Ok(None),
                                None => tracks.$index.restart()?,
                            },)+)))
                        };
                        Ok(Box::new(std::iter::from_fn(move || next().transpose())))
                    },
                })
            }

            fn filled(self) -> DataLoader<Self::Filled> {
                parallel(Parallel {
                    members: ($(member::<$batch>(self.$index),)+),
                    mode: Mode::Max,
                    lengths: |members| vec![$(locked(&members.$index).len()),+],
                    open: |members, from, device, mode| {
                        let mut tracks = ($(Track::open(&members.$index, $index, from, device, mode)?,)+);
                        let mut next = move || {
                            let pulled = ($(tracks.$index.pull(),)+);
                            let pulled = ($(pulled.$index?,)+);
                            let ended = $(pulled.$index.is_none())&&+;
                            Ok((!ended).then_some(pulled))
                        };
                        Ok(Box::new(std::iter::from_fn(move || next().transpose())))
                    },
                })
            }
        }
    };
}

combine!(L A 0, M B 1);
combine!(L A 0, M B 1, N C 2);
combine!(L A 0, M B 1, N C 2, O D 3);

macro_rules! sequential {
    ($($loader:ident $index:tt),+) => {
        impl<T: 'static, $($loader: Loader<T>),+> CombineSequential<T> for ($($loader,)+) {
            fn members(self) -> Vec<Member<T>> {
                vec![$(member::<T>(self.$index)),+]
            }
        }
    };
}

sequential!(L 0, M 1);
sequential!(L 0, M 1, N 2);
sequential!(L 0, M 1, N 2, O 3);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::data::from_loader;

    fn read<B: 'static>(loader: &DataLoader<B>, batch: u64) -> Vec<B> {
        let from = EpochOffset { batch, ..EpochOffset::default() };
        loader.resume(from).unwrap().collect::<Result<_>>().unwrap()
    }

    /// A loader that does not know its length.
    fn unknown(end: i32) -> DataLoader<i32> {
        DataLoader::from_iter(move |_, _| 0..end)
    }

    #[test]
    fn three_and_four_loaders() {
        let three = Combined::min_size((vec![1, 2], from_loader(["a", "b", "c"]), unknown(5)));
        assert_eq!((three.len(), read(&three, 0)), (None, vec![(1, "a", 0), (2, "b", 1)]));
        let four = Combined::max_size((vec![1], vec![2, 3], vec![4], vec![5]));
        assert_eq!(read(&four, 1), [(None, Some(3), None, None)]);
    }

    #[test]
    fn every_mode_resumes_at_every_batch() {
        let check = |name: &str, rest: &dyn Fn(u64) -> Vec<String>| {
            let all = rest(0);
            for batch in 0..=all.len() + 2 {
                let expected = all.get(batch..).unwrap_or_default();
                assert_eq!(rest(batch as u64), expected, "{name} from {batch}");
            }
        };
        fn texts<B: std::fmt::Debug + 'static>(loader: &DataLoader<B>, batch: u64) -> Vec<String> {
            read(loader, batch).iter().map(|batch| format!("{batch:?}")).collect()
        }
        let shuffled = |n: i32| {
            let items: Vec<i32> = (0..n).collect();
            DataLoader::<Vec<i32>>::builder(items).shuffle(true).batch_size(2).build().unwrap()
        };
        let (min, cycle) =
            (Combined::min_size((shuffled(9), unknown(7))), Combined::max_size_cycle((shuffled(5), shuffled(15))));
        let (open, max) =
            (Combined::max_size_cycle((shuffled(5), unknown(7))), Combined::max_size((shuffled(3), unknown(4))));
        let chain = Combined::sequential((unknown(3), vec![10, 11], unknown(2)));
        check("min_size", &|batch| texts(&min, batch));
        check("max_size_cycle", &|batch| texts(&cycle, batch));
        check("max_size_cycle of unknown length", &|batch| texts(&open, batch));
        check("max_size", &|batch| texts(&max, batch));
        check("sequential", &|batch| texts(&chain, batch));
        assert_eq!(texts(&chain, 0), ["0", "1", "2", "10", "11", "0", "1"]);
        assert_eq!(texts(&open, 0).len(), 7);
    }

    #[test]
    fn loaders_do_not_share_their_random_numbers() {
        let items: Vec<i32> = (0..50).collect();
        let loader = DataLoader::<Vec<i32>>::builder(items).shuffle(true).batch_size(50).build().unwrap();
        let pairs = read(&Combined::min_size((loader.clone(), loader.clone())), 0);
        assert_ne!(pairs[0].0, pairs[0].1);
        // The first loader comes as it does alone.
        assert_eq!(pairs[0].0, read(&loader, 0)[0]);
        let rounds = read(&Combined::max_size_cycle((loader, vec![1, 2, 3])), 0);
        assert_ne!(rounds[0].0, rounds[1].0);
        assert_ne!(rounds[1].0, rounds[2].0);
    }

    #[test]
    fn a_failing_loader_is_named() {
        let failing = DataLoader::try_from_iter(|_, _| [Ok(1), Err(Error::msg("torn")), Ok(3)]);
        let pairs = Combined::min_size((vec!['a', 'b', 'c'], failing));
        let read: Vec<Result<(char, i32)>> = pairs.resume(EpochOffset::default()).unwrap().collect();
        assert_eq!(read[1].as_ref().unwrap_err().to_string(), "loader 1 of the combination: torn");
        // The others have gone on.
        assert_eq!(read[2].as_ref().unwrap(), &('c', 3));
        let empty = Combined::max_size_cycle((unknown(2), unknown(0)));
        let error = empty.resume(EpochOffset::default()).unwrap().next().unwrap().unwrap_err();
        assert_eq!(error.message(), "loader 1 of the combination has no batches");
    }
}
