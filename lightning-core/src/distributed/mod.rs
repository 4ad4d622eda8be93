//! What processes that train together exchange.
//!
//! [`Collective`] is the interface: sums, gathers and broadcasts over all processes of a run, which
//! are called ranks. Every rank has to make the same calls in the same order. [`Mpi`] connects the
//! processes of an MPI launcher, and [`Threads`] the threads of a test.

mod collective;
#[expect(dead_code, reason = "the engine does not ask for other processes yet")]
pub(crate) mod launch;
mod lengths;
#[cfg(all(unix, feature = "mpi"))]
mod mpi;
mod pending;
mod threads;
#[expect(dead_code, reason = "the engine does not wait for other processes yet")]
pub(crate) mod watchdog;

pub use self::collective::{Collective, Pending};
#[cfg(all(unix, feature = "mpi"))]
pub use self::mpi::Mpi;
pub use self::threads::Threads;
