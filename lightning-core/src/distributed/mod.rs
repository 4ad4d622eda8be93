//! What processes that train together exchange.
//!
//! [`Collective`] is the interface: sums, gathers and broadcasts over all processes of a run, which
//! are called ranks. Every rank has to make the same calls in the same order.

mod collective;
mod ddp;

pub use self::{
    collective::{Collective, Pending},
    ddp::Ddp,
};
