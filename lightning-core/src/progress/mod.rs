//! The progress of a run: counters, the position in its epochs, and why it ends.
//!
//! Plain data. The engine changes it, checkpoints store a part of it, and hooks and callbacks read
//! it.

mod anomaly;
mod counts;
mod limit;
mod loop_state;
mod max_time;
mod outputs;
mod position;
mod recent_losses;
mod stop_reason;

pub use self::{
    anomaly::AnomalyKind,
    counts::{Epochs, Steps},
    limit::Limit,
    max_time::IntoMaxTime,
    stop_reason::StopReason,
};
pub(crate) use self::{
    anomaly::AnomalyNote,
    limit::whole,
    loop_state::{LoopState, RollBack},
    outputs::StepOutputs,
    position::{Counters, LoopPosition, Phase},
    recent_losses::RecentLosses,
};
