//! How many processes train together.
//!
//! The engine asks a [`Strategy`] wherever the answer depends on that. [`SingleDevice`] has nothing
//! to exchange; [`DataParallel`] exchanges over a [`Collective`](crate::distributed::Collective).

pub(crate) mod ambient;
mod data_parallel;
mod overlap;
mod point;
mod reduce;
mod single_device;

use std::{fmt, sync::Arc};

use burn::tensor::kind::BridgeTensor;

pub(crate) use self::{
    data_parallel::DataParallel, overlap::Taps, point::Point, reduce::Parameters, single_device::SingleDevice,
};
use crate::{
    distributed::Collective,
    error::{Error, Result},
    optim::GradientStore,
};

/// Numbers that are summed over the processes.
pub(crate) type Sums = [f64; 8];

/// How many processes train together, and what they exchange.
///
/// Every exchange starts with one small message, in which each process says at which [`Point`] of
/// the run it is and whether it has failed. Processes at different points, or one that has failed,
/// are an error of all processes in place of a deadlock.
pub(crate) trait Strategy: fmt::Debug + Send {
    /// The place of this process among those that train together.
    fn rank(&self) -> Rank;

    /// Starts an entry point: exchanges are possible again after an earlier error.
    fn open(&mut self) {}

    /// Ends an entry point: an error from here on is that of this process alone.
    fn close(&mut self) {}

    /// Whether exchanges are possible: not after an error.
    fn is_open(&self) -> bool {
        true
    }

    /// Returns the sums over all processes. Alone these are `own`.
    ///
    /// # Errors
    /// When a process has failed or was lost, or is at another point of the run.
    fn sums(&mut self, at: Point, own: Sums) -> Result<Sums>;

    /// Returns the bytes of all processes, in the order of their ranks.
    ///
    /// # Errors
    /// As [`sums`](Self::sums).
    fn gather(&mut self, at: Point, own: Vec<u8>) -> Result<Vec<Vec<u8>>>;

    /// Replaces bytes by those of the process with rank `root`.
    ///
    /// # Errors
    /// As [`sums`](Self::sums).
    fn broadcast(&mut self, at: Point, bytes: &mut Vec<u8>, root: usize) -> Result<()>;

    /// Sums the gradients of an accumulation buffer over all processes.
    ///
    /// # Errors
    /// As [`sums`](Self::sums).
    fn reduce(&mut self, at: Point, gradients: &mut GradientStore, parameters: &Parameters<'_>) -> Result<()>;

    /// Returns the operations that see gradients during the backward pass of a buffer; `None` where
    /// gradients are summed after it.
    fn taps(&self, buffer: usize) -> Option<Arc<Taps>> {
        let _ = buffer;
        None
    }

    /// Starts the pass that fills a buffer. If `passes`, on all processes, gradients are summed
    /// during it.
    ///
    /// # Errors
    /// As [`sums`](Self::sums).
    fn begin_backward(&mut self, at: Point, buffer: usize, gradients: &GradientStore, passes: bool) -> Result<()> {
        let _ = (at, buffer, gradients, passes);
        Ok(())
    }

    /// Takes the gradient of a parameter, which the backward pass has completed.
    ///
    /// # Errors
    /// If a process was lost.
    fn gradient_ready(&mut self, index: usize, value: BridgeTensor) -> Result<()> {
        let _ = (index, value);
        Ok(())
    }

    /// Replaces values by their means over all processes.
    ///
    /// # Errors
    /// As [`sums`](Self::sums).
    fn average(&mut self, at: Point, values: &mut [f32]) -> Result<()>;

    /// Tells the other processes that this one ends with an error, once.
    fn fail(&mut self, error: &Error);

    /// Waits until every process has reached this point.
    ///
    /// # Errors
    /// As [`sums`](Self::sums).
    fn barrier(&mut self, at: Point) -> Result<()> {
        self.sums(at, Sums::default()).map(drop)
    }
}

/// The place of a process among those that train together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rank {
    /// The number of the process, counted from 0.
    pub(crate) global: usize,
    /// The number of the process on its machine, counted from 0.
    pub(crate) local: usize,
    /// The number of processes.
    pub(crate) world_size: usize,
}

impl Rank {
    /// The place of this process among those that a collective connects.
    pub(crate) fn of(ranks: &dyn Collective) -> Self {
        Self { global: ranks.rank(), local: ranks.local_rank(), world_size: ranks.world_size() }
    }

    /// The place of a process that trains alone.
    pub(crate) fn alone() -> Self {
        Self { global: 0, local: 0, world_size: 1 }
    }

    /// Whether it writes logs and checkpoints.
    pub(crate) fn is_global_zero(self) -> bool {
        self.global == 0
    }

    /// Whether it prepares the data of its machine.
    pub(crate) fn is_local_zero(self) -> bool {
        self.local == 0
    }

    /// Whether no other process trains with it.
    pub(crate) fn is_alone(self) -> bool {
        self.world_size == 1
    }
}
