//! How many devices train together.
//!
//! The engine asks a [`Strategy`] wherever the answer depends on that. A strategy for several
//! devices is a file of this folder and one arm of [`strategy`].

mod single_device;

use std::fmt;

pub(crate) use self::single_device::SingleDevice;
use crate::{error::Result, optim::GradientStore, progress::StopReason, settings::StrategySettings};

/// How many devices train together, and what they exchange.
///
/// | method | the engine calls it |
/// |---|---|
/// | [`rank`](Self::rank) | before data is prepared, loggers are started and checkpoints are written |
/// | [`barrier`](Self::barrier) | after data is prepared and after the last checkpoint is written |
/// | [`micro_batch`](Self::micro_batch) | to seed the random numbers of a batch |
/// | [`agree`](Self::agree) | after each training batch, before it decides whether to stop |
/// | [`reduce`](Self::reduce) | before each optimizer step |
pub(crate) trait Strategy: fmt::Debug + Send {
    /// The position of this process among those that train together.
    fn rank(&self) -> Rank;

    /// Waits until every process has reached this point.
    ///
    /// # Errors
    /// When a process was lost.
    fn barrier(&mut self) -> Result<()>;

    /// The number of a training batch of this process among the batches of all processes, counted
    /// from 0.
    fn micro_batch(&self, batch_step: u64) -> u64;

    /// Returns why the run ends after this batch, agreed on by all processes.
    ///
    /// # Errors
    /// When a process was lost.
    fn agree(&mut self, stop: Option<StopReason>) -> Result<Option<StopReason>>;

    /// Sums the gradients of an accumulation buffer over all processes.
    ///
    /// # Errors
    /// When a process was lost.
    fn reduce(&mut self, gradients: &mut GradientStore) -> Result<()>;
}

/// The position of a process among those that train together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rank {
    /// The number of the process, counted from 0.
    pub(crate) global: usize,
    /// The number of the process on its machine, counted from 0.
    pub(crate) local: usize,
}

impl Rank {
    /// Whether it writes logs and checkpoints.
    pub(crate) fn is_global_zero(self) -> bool {
        self.global == 0
    }

    /// Whether it prepares the data of its machine.
    pub(crate) fn is_local_zero(self) -> bool {
        self.local == 0
    }
}

/// Returns the strategy of the settings, which have been checked.
pub(crate) fn strategy(settings: &StrategySettings) -> Box<dyn Strategy> {
    // The check accepts "auto" and "single_device", which are the same.
    let StrategySettings { devices: _, num_nodes: _, strategy: _ } = settings;
    Box::new(SingleDevice)
}
