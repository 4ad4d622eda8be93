//! Batches: values that move to a device, change their float dtype and know their number of
//! samples.

mod containers;
mod dims;
mod hollow;
mod host;
mod samples;
mod saved;
mod size;
mod step;
mod tensors;

use burn::tensor::{Device, FloatDType};

use crate::error::Result;

pub use self::{
    dims::{Dim, Dims, FieldDims, HasDims, dims_of_call},
    saved::{BatchReader, BatchWriter, HostField, RefusesHost, SavesHost},
    size::{BatchLen, first_size},
    step::{NoBatch, StepBatch, WithStep, WithoutStep},
};
pub(crate) use self::{
    dims::{check_dims, enter_loader, leave_loader, number_of_loader},
    hollow::{HollowTensors, field},
    samples::Samples,
    saved::BatchTensor,
};

/// The value that a loader returns and a step takes.
///
/// Derive it for your own structs and enums with `#[derive(Batch)]`. It is implemented for tensors,
/// for tuples, `Vec`, `Option`, `Box`, arrays and maps of batches, and for host values (numbers,
/// `String`, `PathBuf`), which pass every operation unchanged.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::Batch;
///
/// let device = Device::default();
/// let batch = (Tensor::<2>::zeros([16, 64], &device), Tensor::<1, Int>::zeros([16], &device));
/// assert_eq!(Batch::batch_size(&batch), Some(16));
/// let (_images, _targets) = Batch::to_device(batch, &device);
/// ```
#[diagnostic::on_unimplemented(
    message = "a batch and its fields must implement `Batch`, found `{Self}`",
    label = "cannot be moved to a device or counted",
    note = "write `#[derive(Batch)]` on `{Self}`; mark fields that are not tensors \
            `#[batch(host)]`, and the field that defines the batch size `#[batch(size)]`",
    note = "C16 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Batch: Sized + Send + 'static {
    /// Whether a value of this type can carry a batch size at all.
    const SIZED: bool;

    /// The number of samples: dimension 0 of the first tensor. `None` without a tensor.
    fn batch_size(&self) -> Option<usize>;

    /// Moves every tensor to `device`. A tensor that is already there is not copied.
    ///
    /// Unlike with Burn's own `to_device`, a float tensor afterwards records gradients if and only
    /// if the device does.
    #[must_use]
    fn to_device(self, device: &Device) -> Self;

    /// Converts every float tensor to `dtype`. Integers, booleans and host values are unchanged.
    #[must_use]
    fn cast(self, dtype: FloatDType) -> Self;

    /// Moves every tensor into memory from which the copy to `device` is fast: pinned memory for a
    /// GPU. The tensors stay on the host. Workers call it with a loader's `pin_memory(true)`.
    #[must_use]
    fn stage(self, device: &Device) -> Self {
        let _ = device;
        self
    }

    /// Adds the tensors and host values to `out` under `name`, for `on_anomaly(Anomaly::Save)` and
    /// the audit of the first step.
    #[doc(hidden)]
    fn save_batch(&self, name: &str, out: &mut BatchWriter) {
        out.refuse::<Self>(name);
    }

    /// Reads what [`save_batch`](Self::save_batch) added.
    #[doc(hidden)]
    fn load_batch(name: &str, from: &BatchReader<'_>) -> Result<Self> {
        Err(from.refuse::<Self>(name))
    }
}

#[cfg(test)]
mod tests;
