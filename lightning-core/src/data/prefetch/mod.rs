//! Batches made ahead of time by worker threads, and delivered in order.

pub(super) mod epoch;
pub(super) mod ordered;
pub(crate) mod stalls;
pub(super) mod workers;
