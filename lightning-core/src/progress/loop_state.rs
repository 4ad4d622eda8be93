//! The state of the loops.

use std::time::Instant;

use burn::tensor::{Device, Tensor};

use super::{AnomalyNote, Counters, LoopPosition, RecentLosses, StopReason};
use crate::{error::Location, metrics::Place, progress::Phase, stage::Stage};

/// The state of the loops: what hooks and callbacks are told about where the run is.
#[derive(Debug)]
pub(crate) struct LoopState {
    pub(crate) stage: Stage,
    pub(crate) device: Device,
    pub(crate) seed: u64,
    pub(crate) counters: Counters,
    /// The position in the epochs.
    pub(crate) position: LoopPosition,
    /// The epoch that was started last. Checkpoint files are named after it.
    pub(crate) last_epoch: u64,
    pub(crate) batch_idx: u64,
    pub(crate) loader_idx: usize,
    /// The size of the current batch, which weights what batch hooks log.
    pub(crate) batch_size: Option<usize>,
    /// Whether the batch is divided, and `batch_size` is that of a part.
    pub(crate) is_part: bool,
    /// The losses of the last training batches.
    pub(crate) losses: RecentLosses,
    /// The micro-batches in the accumulation buffers when the current batch started.
    pub(crate) micro_batches_before: u64,
    /// What went wrong in the current step.
    pub(crate) anomaly: Option<AnomalyNote>,
    /// The roll-back that was requested in the current batch.
    pub(crate) roll_back: Option<RollBack>,
    /// The number of roll-backs of the run.
    pub(crate) roll_backs: u64,
    /// The training batches to leave out, by their indices in the run, in order.
    pub(crate) left_out: Vec<u64>,
    pub(crate) validation: ValidationState,
    pub(crate) stop: Option<StopReason>,
    /// Whether the user was told that a stop is delayed by `min_epochs` or `min_steps`.
    pub(crate) told_minimum: bool,
    /// Whether the user was told of a norm of gradients that is not finite.
    pub(crate) told_norm: bool,
    /// Whether the user was told that no optimizer steps.
    pub(crate) told_idle: bool,
    /// The number of training steps that returned `None` since the last optimizer step.
    pub(crate) skipped_in_row: u64,
    /// Whether this process has no batch in a round in which others have one.
    pub(crate) absent: bool,
    /// The number of batches of all processes in the current round.
    pub(crate) round: u64,
    /// The place of the first sample of the batch among those that all processes predict.
    pub(crate) first_sample: Option<u64>,
    /// Whether `on_train_batch_start` asked to skip the rest of the epoch.
    pub(crate) skip_epoch: bool,
    pub(crate) sanity_checking: bool,
    /// Whether an error is ending the run. Monitoring callbacks do nothing then.
    pub(crate) failing: bool,
    /// When the current entry point started.
    pub(crate) started: Option<Instant>,
}

/// A request to continue from a checkpoint without some batches.
#[derive(Clone, Debug)]
pub(crate) struct RollBack {
    /// The batches to leave out, by their indices in the run, in order. The checkpoint is one from
    /// before them.
    pub(crate) batches: Vec<u64>,
    /// Why, for the warning.
    pub(crate) why: String,
    /// The largest number of roll-backs of a run.
    pub(crate) limit: u64,
}

/// Validation inside `fit`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ValidationState {
    /// Whether this `fit` validates at all.
    pub(crate) enabled: bool,
    /// Whether a validation follows the current batch.
    pub(crate) follows: bool,
    /// When the last validation ended.
    pub(crate) ended: Option<Instant>,
    /// The number of validation runs before this `fit`, or before the checkpoint that it resumes
    /// from.
    pub(crate) runs_before: u64,
}

impl ValidationState {
    /// Whether the first validation of this `fit` is still to come, after `runs` validation runs.
    pub(crate) fn first_is_ahead(&self, runs: u64) -> bool {
        self.enabled && runs == self.runs_before
    }
}

impl LoopState {
    /// The state before anything has run.
    pub(crate) fn new(device: Device) -> Self {
        Self {
            stage: Stage::Fit,
            device,
            seed: 0,
            counters: Counters::default(),
            position: LoopPosition::default(),
            last_epoch: 0,
            batch_idx: 0,
            loader_idx: 0,
            batch_size: None,
            is_part: false,
            losses: RecentLosses::default(),
            micro_batches_before: 0,
            anomaly: None,
            roll_back: None,
            roll_backs: 0,
            left_out: Vec::new(),
            validation: ValidationState::default(),
            stop: None,
            told_minimum: false,
            told_norm: false,
            told_idle: false,
            skipped_in_row: 0,
            absent: false,
            round: 1,
            first_sample: None,
            skip_epoch: false,
            sanity_checking: false,
            failing: false,
            started: None,
        }
    }

    /// Resets what belongs to one entry point. Counters and the device stay.
    pub(crate) fn begin(&mut self, stage: Stage) {
        self.stage = stage;
        if stage == Stage::Fit {
            self.position = LoopPosition::start_of(self.counters.epoch);
        }
        self.stop = None;
        self.started = Some(Instant::now());
        self.told_minimum = false;
        self.told_norm = false;
        self.told_idle = false;
        self.skipped_in_row = 0;
        self.validation.ended = None;
        self.absent = false;
        self.round = 1;
        self.first_sample = None;
        self.skip_epoch = false;
        self.failing = false;
        self.batch_size = None;
        self.losses = RecentLosses::default();
        self.validation.runs_before = self.counters.validation_runs;
        self.anomaly = None;
        self.roll_back = None;
    }

    /// Returns the epoch and the batch.
    pub(crate) fn place(&self) -> Place {
        (self.counters.epoch, self.batch_idx)
    }

    /// Sets the loss of the current batch.
    pub(crate) fn set_loss(&mut self, loss: Tensor<1>) {
        self.losses.push(self.place(), loss);
    }

    /// Returns the loss of the last training batch.
    pub(crate) fn loss(&self) -> Option<Tensor<1>> {
        self.losses.last().map(|(_, loss)| loss.clone())
    }

    /// Whether the next training batch is left out.
    pub(crate) fn leaves_out(&self) -> bool {
        !self.left_out.is_empty() && self.left_out.contains(&self.counters.batch_step)
    }

    /// Requests the end of the run after the current batch. The first request wins.
    pub(crate) fn request_stop(&mut self, reason: StopReason) {
        self.stop.get_or_insert(reason);
    }

    /// Whether the current batch is the one that a run resumed from here would repeat.
    pub(crate) fn repeats_batch(&self) -> bool {
        self.position.phase == Phase::Batch
    }

    /// The location for an error.
    pub(crate) fn location(&self, hook: Option<String>, in_batch: bool) -> Location {
        let hook = match self.sanity_checking {
            true => Some(format!("{} (sanity check before training)", hook.as_deref().unwrap_or("validation"))),
            false => hook,
        };
        Location {
            stage: Some(self.stage),
            epoch: matches!(self.stage, Stage::Fit | Stage::Validate).then_some(self.counters.epoch),
            batch: in_batch.then_some(self.batch_idx),
            global_step: (self.stage == Stage::Fit).then_some(self.counters.global_step),
            hook,
            path: None,
        }
    }
}
