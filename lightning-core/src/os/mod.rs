//! Services of the operating system and the runtime: atomic files, signals, the allocator, panics,
//! what machine it is, what time it is.

pub(crate) mod allocator;
pub(crate) mod files;
pub(crate) mod machine;
pub(crate) mod panics;
pub(crate) mod peak_memory;
pub(crate) mod signals;
pub(crate) mod time;
