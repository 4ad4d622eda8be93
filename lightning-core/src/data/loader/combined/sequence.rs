//! Loaders read in sequence: all batches of one, then all of the next.

use std::sync::{Arc, Mutex};

use burn::tensor::Device;

use super::member::{Member, locked, member, named, position, start};
use crate::{
    data::loader::{Batches, EpochOffset, Loader},
    error::Result,
};

/// Loaders read in sequence.
pub(super) struct Chained<B>(pub(super) Vec<Member<B>>);

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
