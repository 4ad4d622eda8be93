//! What is printed: progress, tables, the profile.

pub(crate) mod profiler;
pub(crate) mod progress_bar;
pub(crate) mod table;
