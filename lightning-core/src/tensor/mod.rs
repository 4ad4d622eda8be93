//! Tensors without their const rank, and the only ways back to the host.

pub(crate) mod any_rank;
pub(crate) mod custom_op;
pub(crate) mod handle;
pub(crate) mod labels;
pub mod readback;
