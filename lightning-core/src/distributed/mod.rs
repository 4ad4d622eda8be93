//! What processes that train together exchange.
//!
//! [`Collective`] is the interface: sums, gathers and broadcasts over all processes of a run, which
//! are called ranks. Every rank has to make the same calls in the same order. [`Mpi`] connects the
//! processes of an MPI launcher, and [`Threads`] the threads of a test. With the feature `nccl` there
//! is `Nccl`, which sums the gradients of CUDA devices. [`Ddp`] has the settings of data-parallel
//! training.
//!
//! The book's chapter "Several devices, several machines" tells how to start a program in several
//! processes, and what is the same as in one.

mod collective;
mod ddp;
pub(crate) mod launch;
mod lengths;
#[cfg(all(unix, feature = "mpi"))]
mod mpi;
#[cfg(any(test, feature = "nccl"))]
mod nccl;
mod pending;
mod threads;
pub(crate) mod watchdog;

#[cfg(all(unix, feature = "mpi"))]
pub use self::mpi::Mpi;
#[cfg(feature = "nccl")]
pub use self::nccl::Nccl;
pub use self::{
    collective::{Collective, DeviceSum, Pending},
    ddp::Ddp,
    threads::Threads,
};
