//! What went wrong in a step.

use serde::{Deserialize, Serialize};

/// What went wrong in a step that was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AnomalyKind {
    /// The loss was not finite.
    Loss,
    /// A gradient was not finite.
    Gradient,
    /// The loss was a spike.
    Spike,
    /// The step panicked.
    Panic,
}

impl AnomalyKind {
    /// Returns the name in folders and messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Gradient => "gradient",
            Self::Spike => "spike",
            Self::Panic => "panic",
        }
    }
}

/// What went wrong in the current step.
#[derive(Clone, Debug)]
pub(crate) struct AnomalyNote {
    pub(crate) kind: AnomalyKind,
    pub(crate) what: String,
}
