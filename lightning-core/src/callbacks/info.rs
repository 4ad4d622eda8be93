//! What the trainer has to know about a callback before a run.

use std::{collections::BTreeMap, path::PathBuf};

/// When a callback is called relative to the others of the same hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallbackOrder {
    /// In the order in which they were added, before the module.
    #[default]
    Normal,
    /// After the others. At the end of a training epoch also after the module, when the metrics of
    /// the epoch are computed.
    Monitor,
    /// Last, to save what the others left.
    Checkpoint,
}

/// What the trainer has to know about a callback before a run: see
/// [`Callback::info`](super::Callback::info).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CallbackInfo {
    /// When it is called relative to the others.
    pub order: CallbackOrder,
    /// Whether it writes checkpoints. The trainer then adds no `ModelCheckpoint`.
    pub is_checkpoint: bool,
    /// The folder it was told to write checkpoints to, in which [`Resume`](crate::Resume) searches;
    /// `None` for the folder of the run.
    pub checkpoint_folder: Option<PathBuf>,
    /// Whether it prints the summary of the model. The trainer then prints none.
    pub is_model_summary: bool,
    /// The number of levels of the summary that the trainer prints; `None` for its setting.
    pub summary_depth: Option<usize>,
    /// The names of the metrics that it reads. They are checked before the first batch: a metric
    /// that only validation logs needs a validation loader.
    pub monitors: Vec<String>,
    /// Whether [`model_to_save`](super::Callback::model_to_save) or
    /// [`final_weights`](super::Callback::final_weights) provides averaged weights. Of several such
    /// callbacks each would overwrite the average of the others: `build` refuses them.
    pub averages_weights: bool,
    /// Whether it may find fault with a batch after its update. With `on_anomaly(Anomaly::Save)`,
    /// the state before the step is then kept until the end of the batch.
    pub judges_steps: bool,
    /// The number of batches per optimizer step by the epoch from which it applies; `None` for the
    /// setting of the trainer.
    pub accumulation: Option<BTreeMap<u64, u64>>,
    /// The name of the callback, if it logs: a trainer without a logger is then refused by `build`,
    /// except for a `fast_dev_run`.
    pub needs_logger: Option<&'static str>,
    /// The setting that is a fraction of `max_epochs`, which is then needed.
    pub needs_max_epochs: Option<String>,
}

impl CallbackInfo {
    /// Creates the description of a callback without special needs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets when it is called relative to the others.
    #[must_use]
    pub fn order(mut self, order: CallbackOrder) -> Self {
        self.order = order;
        self
    }

    /// Declares that it writes checkpoints, to `folder` or to that of the run.
    #[must_use]
    pub fn writes_checkpoints(mut self, folder: Option<PathBuf>) -> Self {
        self.is_checkpoint = true;
        self.checkpoint_folder = folder;
        self
    }

    /// Declares that it prints the summary of the model.
    #[must_use]
    pub fn prints_model_summary(mut self) -> Self {
        self.is_model_summary = true;
        self
    }

    /// Lets the trainer print its summary with this number of levels.
    #[must_use]
    pub fn summary_depth(mut self, levels: usize) -> Self {
        self.summary_depth = Some(levels);
        self
    }

    /// Sets the names of the metrics that it reads.
    #[must_use]
    pub fn monitors<S: Into<String>>(mut self, metrics: impl IntoIterator<Item = S>) -> Self {
        self.monitors = metrics.into_iter().map(Into::into).collect();
        self
    }

    /// Declares that it saves averaged weights in place of those in training, or trains towards
    /// them.
    #[must_use]
    pub fn averages_weights(mut self) -> Self {
        self.averages_weights = true;
        self
    }

    /// Declares that it logs, and needs a logger. `callback` is its name in the message.
    #[must_use]
    pub fn needs_logger(mut self, callback: &'static str) -> Self {
        self.needs_logger = Some(callback);
        self
    }

    /// Declares that `setting`, as written, is a fraction of `max_epochs`.
    #[must_use]
    pub fn needs_max_epochs(mut self, setting: impl Into<String>) -> Self {
        self.needs_max_epochs = Some(setting.into());
        self
    }

    /// Sets the number of batches per optimizer step by the epoch from which it applies.
    #[must_use]
    pub fn accumulation(mut self, schedule: BTreeMap<u64, u64>) -> Self {
        self.accumulation = Some(schedule);
        self
    }
}
