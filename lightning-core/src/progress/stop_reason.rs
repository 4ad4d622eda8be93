//! Why a run ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why `fit` ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StopReason {
    /// `max_epochs` was reached.
    MaxEpochs,
    /// `max_steps` was reached.
    MaxSteps,
    /// `EarlyStopping` ended it; the text says what it saw.
    EarlyStopped(String),
    /// A hook or callback asked for it, with its reason.
    Requested(String),
    /// The time was up.
    TimeLimit,
    /// A signal ended it.
    Interrupted,
    /// `limit_train_batches(0)` said not to train.
    NoTraining,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxEpochs => f.write_str("`max_epochs` reached"),
            Self::MaxSteps => f.write_str("`max_steps` reached"),
            Self::EarlyStopped(what) => write!(f, "early stopping: {what}"),
            Self::Requested(reason) => write!(f, "stopped: {reason}"),
            Self::TimeLimit => f.write_str("`max_time` reached"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::NoTraining => f.write_str("`limit_train_batches(0)`"),
        }
    }
}
