//! Batches: values that move to a device, change their float dtype and know their number of
//! samples.

mod containers;
mod host;
mod size;
mod step;
mod tensors;

use burn::tensor::{Device, FloatDType};

pub use self::{
    size::{BatchLen, first_size},
    step::{NoBatch, StepBatch},
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
            `#[batch(host)]`, and the field that defines the batch size `#[batch(size)]`"
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
}

#[cfg(test)]
mod tests;
