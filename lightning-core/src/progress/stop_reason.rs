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
    /// [`EarlyStopping`](crate::EarlyStopping) ended training, for this reason.
    EarlyStopped(String),
    /// A hook or a callback requested it, for this reason.
    Requested(String),
    /// `max_time` or the limit of a [`Timer`](crate::callbacks::Timer) was reached.
    TimeLimit,
    /// SIGINT, SIGTERM or SIGHUP was received.
    Interrupted,
    /// `limit_train_batches(0)` was set.
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
