//! Batches made ahead of time: worker threads, and the order in which their batches come out.

pub(super) mod epoch;
pub(super) mod ordered;
pub(super) mod workers;
