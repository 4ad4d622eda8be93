//! The interface of what connects the processes of a run.

use std::fmt;

use burn::tensor::{Device, Tensor};

use crate::error::Result;

/// Connects the processes of a run, which are called ranks.
///
/// Each method with an exchange is collective: it returns on a rank when every rank has called it,
/// with arguments of equal lengths where nothing else is said. The calls of a rank come from one
/// thread at a time.
///
/// # Errors
/// All exchanges: if a rank was lost, or the library reports a failure.
pub trait Collective: fmt::Debug + Send + Sync {
    /// Returns the name and version of the library, such as `Open MPI v4.1.4`.
    fn name(&self) -> &str;

    /// Returns the number of this process among all, counted from 0.
    fn rank(&self) -> usize;

    /// Returns the number of processes.
    fn world_size(&self) -> usize;

    /// Returns the number of this process among those of its machine, counted from 0.
    fn local_rank(&self) -> usize;

    /// Returns the number of processes on this machine.
    fn local_size(&self) -> usize;

    /// Replaces each value by its sum over all ranks, in an order of the library's choice. All
    /// ranks get the same bits.
    fn sum_f32(&self, values: &mut [f32]) -> Result<()>;

    /// As [`sum_f32`](Self::sum_f32), in double precision.
    fn sum_f64(&self, values: &mut [f64]) -> Result<()>;

    /// Sends the `r`-th of `world_size` equal parts of `from` to rank `r`, and receives a part of
    /// each rank, in rank order. `from` and `to` have the same length, a multiple of `world_size`.
    fn all_to_all_f32(&self, from: &[f32], to: &mut [f32]) -> Result<()>;

    /// Receives the values of all ranks, in rank order. `to` is `world_size` times as long as
    /// `from`.
    fn all_gather_f32(&self, from: &[f32], to: &mut [f32]) -> Result<()>;

    /// Returns the bytes of all ranks, in rank order. Their lengths may differ.
    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>>;

    /// Replaces the bytes by those of the rank `root`. Their lengths may differ.
    fn broadcast(&self, bytes: &mut Vec<u8>, root: usize) -> Result<()>;

    /// Waits until every rank has called it.
    fn barrier(&self) -> Result<()>;

    /// Starts a sum that goes on while the rank computes. Ranks start their sums in the same order,
    /// also relative to other exchanges, which may be made before the sums have ended.
    fn start_sum_f32(&self, values: Vec<f32>) -> Result<Box<dyn Pending>>;

    /// Returns what sums tensors of this device without reading them, if the ranks have it. By
    /// default they have not, and tensors are summed on the host.
    ///
    /// It is used if it is there on all ranks. No exchange takes place here.
    fn device_sum(&self, device: &Device) -> Option<&dyn DeviceSum> {
        let _ = device;
        None
    }

    /// Ends all ranks at once, with this exit code.
    fn abort(&self, code: i32) -> !;
}

/// Sums tensors over all ranks where they are, in the memory of a device.
pub trait DeviceSum: fmt::Debug + Send + Sync {
    /// Returns the sums over all ranks of the values of a tensor in `f32` or `f64`, in an order of
    /// the library's choice. All ranks get the same bits.
    ///
    /// The call is an exchange: all ranks bring tensors of the same length and type.
    fn sum(&self, values: Tensor<1>) -> Result<Tensor<1>>;
}

/// A sum that was started.
pub trait Pending: fmt::Debug + Send {
    /// Waits for the end, and returns the sums.
    ///
    /// # Errors
    /// If a rank was lost.
    fn wait(self: Box<Self>) -> Result<Vec<f32>>;
}
