//! One loader of a combination.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;

use crate::{
    data::loader::{Batches, EpochOffset, Loader},
    error::{Error, Result},
    random::{Rng, Stream},
};

/// A loader that several threads can open.
pub(super) type Member<B> = Arc<Mutex<dyn Loader<B>>>;

pub(super) fn member<B: 'static>(loader: impl Loader<B>) -> Member<B> {
    Arc::new(Mutex::new(loader))
}

pub(super) fn locked<B>(member: &Member<B>) -> MutexGuard<'_, dyn Loader<B> + 'static> {
    member.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The position of one loader in one of its rounds. For the first round of the first loader it is
/// the position of the combination.
pub(super) fn position(of: EpochOffset, loader: usize, round: u64, batch: u64) -> EpochOffset {
    let mut seed = of.seed;
    if loader > 0 || round > 0 {
        // `u64::MAX` is not the number of any epoch, so this seed collides with no other.
        seed = Rng::derived(seed, Stream::Sample, u64::MAX, (loader as u64) << 48 | round).next_u64();
    }
    EpochOffset { seed, epoch: of.epoch, batch }
}

pub(super) fn start<B: 'static>(member: &Member<B>, from: EpochOffset, device: Option<&Device>) -> Result<Batches<B>> {
    let loader = locked(member);
    match device {
        Some(device) => loader.batches_for(from, device),
        None => loader.batches(from),
    }
}

/// Adds the place of the loader to an error.
pub(super) fn named<T>(result: Result<T>, place: usize) -> Result<T> {
    result.map_err(|error| Error::new(error.kind(), format!("loader {place} of the combination")).caused_by(error))
}
