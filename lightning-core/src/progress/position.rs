//! Where in its epochs a run is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What of a batch has been done, and so what comes next. A checkpoint is only ever taken at one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// The epoch has not begun: its start hooks come next.
    #[default]
    EpochStart,
    /// The batch comes next.
    Batch,
    /// The batch is done: its validation, if one is due, comes next.
    AfterBatch {
        /// Whether an optimizer stepped in it.
        stepped: bool,
    },
    /// The batch is done and so is its validation: the next batch or the end of the epoch comes next.
    AfterValidation {
        /// Whether a stop had been decided on before the validation.
        stopping: bool,
    },
}

/// Where a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoopPosition {
    /// The epoch, from 0.
    pub(crate) epoch: u64,
    /// The batch of the epoch, from 0.
    pub(crate) batch: u64,
    pub(crate) phase: Phase,
}

impl LoopPosition {
    /// Before the first batch of an epoch.
    pub(crate) const fn start_of(epoch: u64) -> Self {
        Self { epoch, batch: 0, phase: Phase::EpochStart }
    }

    /// The batch that is read next.
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
            Phase::EpochStart => write!(f, "epoch {epoch}"),
            Phase::Batch => write!(f, "batch {batch} of epoch {epoch}"),
            Phase::AfterBatch { .. } => write!(f, "what follows batch {batch} of epoch {epoch}"),
            Phase::AfterValidation { .. } => {
                write!(f, "what follows the validation after batch {batch} of epoch {epoch}")
            }
        }
    }
}

/// How far a run is. Counted in one place each, and never reset by a second `fit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// The epoch in progress, which is also how many are finished.
    pub(crate) epoch: u64,
    /// Windows in which an optimizer stepped.
    pub(crate) global_step: u64,
    /// Training batches.
    pub(crate) batch_step: u64,
    /// Training steps that returned `None`.
    pub(crate) skipped_batches: u64,
    /// Windows whose gradients were not finite where losses are scaled.
    #[serde(default)]
    pub(crate) skipped_steps: u64,
    /// Validation runs, the sanity check left out.
    pub(crate) validation_runs: u64,
}
