//! What is printed: progress, tables and the profile of a run.

pub(crate) mod output;
pub(crate) mod profiled_threads;
pub(crate) mod profiler;
pub(crate) mod progress_bar;
pub(crate) mod table;
pub(crate) mod wrap;
