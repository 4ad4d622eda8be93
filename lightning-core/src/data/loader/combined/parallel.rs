//! Loaders read in parallel: a batch of each at a time.

use burn::tensor::Device;

use super::{
    member::{locked, member},
    track::{Mode, Track},
};
use crate::{
    data::loader::{Batches, DataLoader, EpochOffset, Loader, Summary},
    error::Result,
};

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
