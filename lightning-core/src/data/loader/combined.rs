//! Several loaders read as one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;

use super::{Batches, DataLoader, EpochOffset, Loader, Summary};
use crate::{
    error::{Error, Result},
    random::{Rng, Stream},
};

/// Reads two to four loaders as one, in the four modes of PyTorch Lightning's `CombinedLoader`.
///
/// | of loaders with 3 and 4 batches | batches | a batch is |
/// |---|---|---|
/// | [`min_size`](Self::min_size) | 3 | `(A, B)` |
/// | [`max_size_cycle`](Self::max_size_cycle) | 4 | `(A, B)`, the shorter loader read again |
/// | [`max_size`](Self::max_size) | 4 | `(Option<A>, Option<B>)` |
/// | [`sequential`](Self::sequential) | 7 | `A`, which is `B` |
///
/// The result is a [`DataLoader`]. The loaders have different random numbers: two shuffled loaders
/// of equal length are read in different orders.
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
    /// Combines one batch of each loader, until the shortest ends.
    pub fn min_size<B: Send + 'static>(loaders: impl Combine<B>) -> DataLoader<B> {
        loaders.together(Mode::Min)
    }

    /// Combines one batch of each loader, until the longest ends. Shorter ones start again, in a
    /// new order if they shuffle.
    ///
    /// If a loader does not know its length, resuming reads it from the start.
    pub fn max_size_cycle<B: Send + 'static>(loaders: impl Combine<B>) -> DataLoader<B> {
        loaders.together(Mode::MaxCycle)
    }

    /// Combines one batch of each loader, until the longest ends. A loader that has ended
    /// contributes `None`.
    pub fn max_size<B: Send + 'static, L: Combine<B>>(loaders: L) -> DataLoader<L::Filled> {
        loaders.filled()
    }

    /// Reads all batches of the first loader, then all of the second, and so on. The batches have
    /// the same type; put different types into an enum with `#[derive(Batch)]`.
    ///
    /// If a loader does not know its length, resuming at a later position reads all of it.
    pub fn sequential<B: Send + 'static>(loaders: impl CombineSequential<B>) -> DataLoader<B> {
        DataLoader::new(Chained(loaders.members()), Summary::default())
    }
}

/// When a combination ends.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With the shortest loader.
    Min,
    /// With the longest loader; the others start again.
    MaxCycle,
    /// With the longest loader; the others contribute `None`.
    Max,
}

/// A loader that several threads can open.
type Member<B> = Arc<Mutex<dyn Loader<B>>>;

fn member<B: 'static>(loader: impl Loader<B>) -> Member<B> {
    Arc::new(Mutex::new(loader))
}

fn locked<B>(member: &Member<B>) -> MutexGuard<'_, dyn Loader<B> + 'static> {
    member.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The position of one loader in one of its rounds. For the first round of the first loader it is
/// the position of the combination.
fn position(of: EpochOffset, loader: usize, round: u64, batch: u64) -> EpochOffset {
    let mut seed = of.seed;
    if loader > 0 || round > 0 {
        // `u64::MAX` is not the number of any epoch, so this seed collides with no other.
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

/// Adds the place of the loader to an error.
fn named<T>(result: Result<T>, place: usize) -> Result<T> {
    result.map_err(|error| Error::new(error.kind(), format!("loader {place} of the combination")).caused_by(error))
}

/// One loader of a combination, which may be read several times.
struct Track<B> {
    member: Member<B>,
    place: usize,
    from: EpochOffset,
    device: Option<Device>,
    round: u64,
    batches: Batches<B>,
    /// Whether it was read to its end at least once.
    exhausted: bool,
}

impl<B: 'static> Track<B> {
    fn open(member: &Member<B>, place: usize, from: EpochOffset, device: Option<&Device>, mode: Mode) -> Result<Self> {
        let len = locked(member).len().map(|len| len as u64);
        let (round, batch, unread) = match (mode, len) {
            (Mode::MaxCycle, Some(len)) => {
                (from.batch.checked_div(len).unwrap_or(0), from.batch.checked_rem(len).unwrap_or(0), 0)
            }
            // Without a length, only reading shows where a round ends.
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
                .help("pass a loader with at least one batch, or use `max_size`")
        })
    }
}

/// The length of a combination. It is unknown if one length is, since that loader may be the
/// shortest or the longest.
fn together(lengths: &[Option<usize>], mode: Mode) -> Option<usize> {
    let lengths: Option<Vec<usize>> = lengths.iter().copied().collect();
    match mode {
        Mode::Min => lengths?.into_iter().min(),
        Mode::Max | Mode::MaxCycle => lengths?.into_iter().max(),
    }
}

/// Opens loaders of type `T` at a position.
type Open<T, O> = fn(&T, EpochOffset, Option<&Device>, Mode) -> Result<Batches<O>>;

/// Loaders read in parallel, whose batches form an `O`.
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
            // Stops before a shorter loader is restarted beyond the end of the longest.
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

/// Loaders read in sequence.
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
    /// Opens the next loader that is not skipped entirely. Returns `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        while let Some(member) = self.members.get(self.place) {
            let len = locked(member).len().map(|len| len as u64);
            if let Some(len) = len.filter(|len| *len <= self.skipped) {
                self.skipped -= len;
                self.place += 1;
                continue;
            }
            // A loader of unknown length is read from its start, since it may have fewer batches
            // than are skipped.
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

/// A tuple of two to four loaders, whose batches form a `B`.
#[diagnostic::on_unimplemented(
    message = "expected a tuple of loaders to combine",
    label = "found `{Self}`",
    note = "pass a tuple of two, three or four loaders: `Combined::min_size((a, b))`"
)]
pub trait Combine<B> {
    /// `B` with each member in an `Option`.
    type Filled: Send + 'static;

    /// Reads the loaders in parallel.
    #[doc(hidden)]
    fn together(self, mode: Mode) -> DataLoader<B>;

    /// Reads the loaders in parallel until the longest ends.
    #[doc(hidden)]
    fn filled(self) -> DataLoader<Self::Filled>;
}

/// A tuple of two to four loaders whose batches have the same type.
#[diagnostic::on_unimplemented(
    message = "these loaders cannot be read in sequence",
    label = "found `{Self}`",
    note = "pass a tuple of two, three or four loaders with the same batch type: `Combined::sequential((a, b))`"
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
                            // Every loader is advanced even if another fails, so that they stay
                            // aligned.
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
mod tests;
