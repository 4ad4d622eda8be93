//! A span that has ended, and what it belongs to.

use std::time::{Duration, Instant};

/// What a span belongs to: the category of a trace, and the name of a `tracing` span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A loop: a stage, an epoch, a batch, an evaluation.
    Loop,
    /// Reading, collating and waiting for batches.
    Data,
    /// A step, the backward pass and the update.
    Step,
    /// A hook, and the module's own part of it.
    Hook,
    /// One callback's part of a hook.
    Callback,
    /// Taking and writing checkpoints.
    Checkpoint,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Data => "data",
            Self::Step => "step",
            Self::Hook => "hook",
            Self::Callback => "callback",
            Self::Checkpoint => "checkpoint",
        }
    }
}

/// The place of a span in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Epoch(u64),
    Batch(u64),
}

/// A span that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) owner: Option<&'static str>,
    pub(crate) kind: Kind,
    pub(crate) at: Option<At>,
    pub(crate) since: Instant,
    pub(crate) time: Duration,
}
