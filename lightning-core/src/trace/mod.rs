//! Spans: what each thread of a run does, and when.
//!
//! A thread that is attached to a [`Recorder`] records its spans. Threads that a run starts are
//! attached by whoever starts them, so that no span needs to know the run.

mod event;
mod file;
mod histogram;
mod recorder;
mod span;
#[cfg(feature = "tracing")]
mod subscriber;
mod totals;

pub(crate) use self::{
    event::{At, Kind},
    recorder::{Attached, Recorder, current},
    span::{Span, span, timed},
    totals::{LaneTotals, SpanTotals},
};
