//! The position of a run in its epochs, and its counters.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What has been done of the current batch, and so what is next. A checkpoint is taken only in one
/// of these phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// The epoch has not started: its start hooks are next.
    #[default]
    EpochStart,
    /// The batch is next.
    Batch,
    /// The batch is done: its validation, if one is due, is next.
    AfterBatch {
        /// Whether an optimizer stepped in it.
        stepped: bool,
    },
    /// The batch and its validation are done: the next batch or the end of the epoch is next.
    AfterValidation {
        /// Whether a stop was decided on before the validation.
        stopping: bool,
    },
}

/// The position of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoopPosition {
    /// The epoch, counted from 0.
    pub(crate) epoch: u64,
    /// The batch of the epoch, counted from 0.
    pub(crate) batch: u64,
    pub(crate) phase: Phase,
}

impl LoopPosition {
    /// The position before the first batch of an epoch.
    pub(crate) const fn start_of(epoch: u64) -> Self {
        Self { epoch, batch: 0, phase: Phase::EpochStart }
    }

    /// Returns the batch that is read next.
    pub(crate) const fn next_batch(self) -> u64 {
        match self.phase {
            Phase::EpochStart | Phase::Batch => self.batch,
            Phase::AfterBatch { .. } | Phase::AfterValidation { .. } => self.batch + 1,
        }
    }
}

impl fmt::Display for LoopPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, batch, phase } = self;
        match phase {
            Phase::EpochStart => write!(f, "at the start of epoch {epoch}"),
            Phase::Batch => write!(f, "at batch {batch} of epoch {epoch}"),
            Phase::AfterBatch { .. } => write!(f, "after batch {batch} of epoch {epoch}"),
            Phase::AfterValidation { .. } => {
                write!(f, "after the validation that followed batch {batch} of epoch {epoch}")
            }
        }
    }
}

/// The counters of a run. A second `fit` of the trainer continues them. The engine increments each
/// at the places that `ARCHITECTURE.md` lists, and resuming restores all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// The current epoch, which is also the number of finished epochs.
    pub(crate) epoch: u64,
    /// The number of optimizer steps. Steps of several optimizers on one batch count once.
    pub(crate) global_step: u64,
    /// The number of training batches.
    pub(crate) batch_step: u64,
    /// The number of training steps that returned `None`.
    pub(crate) skipped_batches: u64,
    /// The number of optimizer steps skipped because gradients were not finite, with loss scaling.
    #[serde(default)]
    pub(crate) skipped_steps: u64,
    /// The number of validation runs, without the sanity check.
    pub(crate) validation_runs: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_batch_follows_from_the_phase() {
        let at = |phase| LoopPosition { epoch: 1, batch: 4, phase }.next_batch();
        assert_eq!((at(Phase::EpochStart), at(Phase::Batch)), (4, 4));
        assert_eq!((at(Phase::AfterBatch { stepped: true }), at(Phase::AfterValidation { stopping: true })), (5, 5));
    }
}
