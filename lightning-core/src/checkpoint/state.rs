//! The checkpoints of a run.

use std::path::PathBuf;

use super::{Checkpoint, Resume, queue::CheckpointQueue};

/// The checkpoints of a run.
#[derive(Debug, Default)]
pub(crate) struct CheckpointState {
    /// The best checkpoint so far.
    pub(crate) best: Option<BestCheckpoint>,
    pub(crate) queue: CheckpointQueue,
}

/// The best checkpoint so far.
#[derive(Clone, Debug)]
pub(crate) struct BestCheckpoint {
    pub(crate) path: PathBuf,
    /// The monitored metric and its value; `None` when the latest checkpoint counts as the best.
    pub(crate) score: Option<(String, f64)>,
}

/// The checkpoint that a run starts from.
#[derive(Debug, Default)]
pub(crate) struct ResumeState {
    /// The checkpoint that the next `fit` resumes from.
    pub(crate) requested: Resume,
    /// The checkpoint that is being restored.
    pub(crate) checkpoint: Option<Box<Checkpoint>>,
    /// The checkpoint that the run was resumed from.
    pub(crate) resumed_from: Option<ResumedFrom>,
    /// The differences between the program and the checkpoint.
    pub(crate) differences: Vec<String>,
    /// The paths of the parameters that were frozen at the start of `fit`.
    pub(crate) declared_frozen: Vec<String>,
    /// The number of batches in an epoch of the training loader, before limits.
    pub(crate) train_batches: Option<u64>,
}

/// The checkpoint that a run was resumed from.
#[derive(Clone, Debug)]
pub(crate) struct ResumedFrom {
    pub(crate) path: PathBuf,
    /// Whether the program named the file, so that it belongs to the user and is never deleted.
    pub(crate) named: bool,
}
