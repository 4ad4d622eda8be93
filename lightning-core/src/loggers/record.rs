//! What is logged and where in a run: rows of metrics, positions, and how the run ended.

use std::fmt;

use crate::stage::Stage;

/// Where in a run something was logged: all counters that it may be plotted against.
///
/// The validation inside `fit` has [`Stage::Validate`] and the counters of the surrounding
/// training, so that training and validation curves share their axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LogPosition {
    /// The stage of the run.
    pub stage: Stage,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batch inside the epoch, from 0; `None` for what belongs to the whole epoch.
    pub batch: Option<u64>,
    /// Training batches since the start of the run.
    pub batch_step: u64,
    /// Optimizer steps since the start of the run.
    pub global_step: u64,
}

impl LogPosition {
    /// Creates a position from its five parts.
    pub const fn new(stage: Stage, epoch: u64, batch: Option<u64>, batch_step: u64, global_step: u64) -> Self {
        Self { stage, epoch, batch, batch_step, global_step }
    }
}

/// One row of metrics and its position in the run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The position in the run.
    pub position: LogPosition,
    /// Names and values, in the order in which they were logged.
    pub metrics: Vec<(String, f64)>,
}

impl Record {
    /// Creates a record from the parts of its [`LogPosition`] and its metrics.
    ///
    /// ```
    /// use lightning_core::{Stage, loggers::Record};
    ///
    /// let metrics = vec![("train_loss".to_owned(), 0.25)];
    /// let record = Record::new(Stage::Fit, 0, Some(49), 50, 50, metrics);
    /// assert_eq!(record.position.batch, Some(49));
    /// assert_eq!(record.value("train_loss"), Some(0.25));
    /// ```
    pub const fn new(
        stage: Stage,
        epoch: u64,
        batch: Option<u64>,
        batch_step: u64,
        global_step: u64,
        metrics: Vec<(String, f64)>,
    ) -> Self {
        Self { position: LogPosition::new(stage, epoch, batch, batch_step, global_step), metrics }
    }

    /// Returns the value under a name; the last one if there are several.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.metrics.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunStatus {
    /// The run completed.
    Success,
    /// An error ended the run.
    Failed,
    /// A signal ended the run.
    Interrupted,
}

impl RunStatus {
    /// Returns the status as a word: `success`, `failed`, `interrupted`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
