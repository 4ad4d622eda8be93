//! What is printed: progress, tables, the profile.

pub(crate) mod output;
pub(crate) mod profiler;
pub(crate) mod progress;
pub(crate) mod table;
