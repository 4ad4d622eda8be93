//! A loader of a parallel combination while it is read.

use std::sync::Arc;

use burn::tensor::Device;

use super::member::{Member, locked, named, position, start};
use crate::{
    data::loader::{Batches, EpochOffset},
    error::{Error, Result},
};

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

/// One loader of a combination, which may be read several times.
pub(super) struct Track<B> {
    member: Member<B>,
    place: usize,
    from: EpochOffset,
    device: Option<Device>,
    round: u64,
    batches: Batches<B>,
    /// Whether it was read to its end at least once.
    pub(super) exhausted: bool,
}

impl<B: 'static> Track<B> {
    pub(super) fn open(
        member: &Member<B>,
        place: usize,
        from: EpochOffset,
        device: Option<&Device>,
        mode: Mode,
    ) -> Result<Self> {
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
    pub(super) fn pull(&mut self) -> Result<Option<B>> {
        let pulled = named(self.batches.next().transpose(), self.place)?;
        self.exhausted |= pulled.is_none();
        Ok(pulled)
    }

    /// The first batch of the next round.
    pub(super) fn restart(&mut self) -> Result<B> {
        self.round += 1;
        let from = position(self.from, self.place, self.round, 0);
        self.batches = named(start(&self.member, from, self.device.as_ref()), self.place)?;
        self.pull()?.ok_or_else(|| {
            Error::data(format!("loader {} of the combination has no batches", self.place))
                .help("pass a loader with at least one batch, or use `max_size`")
        })
    }
}
