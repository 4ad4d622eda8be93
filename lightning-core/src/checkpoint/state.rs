//! The checkpoints of a run.

use std::path::PathBuf;

use serde_json::Value;

use super::{Checkpoint, Resume, queue::CheckpointQueue};
use crate::metrics::MetricsRecord;

/// The checkpoints of a run.
#[derive(Debug, Default)]
pub(crate) struct CheckpointState {
    /// The best checkpoint so far.
    pub(crate) best: Option<BestCheckpoint>,
    /// The best checkpoint by each metric that a callback monitors.
    pub(crate) by_metric: Vec<BestCheckpoint>,
    pub(crate) queue: CheckpointQueue,
    /// The metrics of the other processes, for the next snapshot.
    pub(crate) metrics_of_others: Vec<MetricsRecord>,
}

impl CheckpointState {
    /// Returns the best checkpoint by a metric.
    pub(crate) fn best_by(&self, metric: &str) -> Option<&BestCheckpoint> {
        self.by_metric.iter().find(|best| best.metric() == Some(metric))
    }

    /// Takes a callback's best checkpoint for that of the run, unless one of a lower rank is known.
    pub(crate) fn set_best(&mut self, best: BestCheckpoint) {
        if let Some((name, _)) = &best.score {
            match self.by_metric.iter_mut().find(|known| known.metric() == Some(name)) {
                Some(known) if best.rank <= known.rank => *known = best.clone(),
                Some(_) => {}
                None => self.by_metric.push(best.clone()),
            }
        }
        if self.best.as_ref().is_none_or(|known| best.rank <= known.rank) {
            self.best = Some(best);
        }
    }
}

/// The best checkpoint so far.
#[derive(Clone, Debug)]
pub(crate) struct BestCheckpoint {
    pub(crate) path: PathBuf,
    /// Of several callbacks that save checkpoints, those that monitor a metric come first, in the
    /// order of the callbacks.
    pub(crate) rank: (bool, usize),
    /// The monitored metric and its value; `None` when the latest checkpoint counts as the best.
    pub(crate) score: Option<(String, f64)>,
}

impl BestCheckpoint {
    /// Returns the name of the monitored metric.
    pub(crate) fn metric(&self) -> Option<&str> {
        self.score.as_ref().map(|(name, _)| name.as_str())
    }
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
    /// Whether the program is one that is restarted, and no checkpoint was found.
    pub(crate) restarted: bool,
    /// The hyperparameters of the module.
    pub(crate) hparams: Value,
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
