//! What processes that train together exchange.
//!
//! [`Collective`] is the interface: sums, gathers and broadcasts over all processes of a run, which
//! are called ranks. Every rank has to make the same calls in the same order. [`Mpi`] connects the
//! processes of an MPI launcher, and [`Threads`] the threads of a test.

mod collective;
mod ddp;
mod lengths;
#[cfg(all(unix, feature = "mpi"))]
mod mpi;
mod pending;
mod threads;

#[cfg(all(unix, feature = "mpi"))]
pub use self::mpi::Mpi;
pub use self::{
    collective::{Collective, Pending},
    ddp::Ddp,
    threads::Threads,
};
