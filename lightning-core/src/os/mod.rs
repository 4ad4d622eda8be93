//! What the operating system does for a run: atomic files, signals, the allocator, caught panics.

pub(crate) mod allocator;
pub(crate) mod files;
pub(crate) mod panics;
pub(crate) mod signals;
