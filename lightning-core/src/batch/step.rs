//! The batch of a step, which a module may lack.

use burn::tensor::{Device, FloatDType};

use super::Batch;

/// The batch type of a step that a module does not have. It has no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBatch {}

/// The batch type of a step: a [`Batch`], or [`NoBatch`] if the module does not have the step.
/// `NoBatch` does not implement `Batch`, so that a missing step is reported once, and not a second
/// time for the loader.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a batch must implement `Batch`, found `{Self}`",
    label = "cannot be moved to a device or counted",
    note = "write `#[derive(Batch)]` on `{Self}`; mark fields that are not tensors \
            `#[batch(host)]`, and the field that defines the batch size `#[batch(size)]`"
)]
pub trait StepBatch: Sized + Send + 'static {
    /// Whether the module has the step.
    const PRESENT: bool;
    /// The number of samples.
    fn samples(&self) -> Option<usize>;
    /// Moves the batch to a device.
    #[must_use]
    fn on_device(self, device: &Device) -> Self;
    /// Converts the float tensors to a dtype.
    #[must_use]
    fn in_dtype(self, dtype: FloatDType) -> Self;
}

impl<B: Batch> StepBatch for B {
    const PRESENT: bool = true;

    fn samples(&self) -> Option<usize> {
        self.batch_size()
    }

    fn on_device(self, device: &Device) -> Self {
        self.to_device(device)
    }

    fn in_dtype(self, dtype: FloatDType) -> Self {
        self.cast(dtype)
    }
}

impl StepBatch for NoBatch {
    const PRESENT: bool = false;

    fn samples(&self) -> Option<usize> {
        match *self {}
    }

    fn on_device(self, _device: &Device) -> Self {
        match self {}
    }

    fn in_dtype(self, _dtype: FloatDType) -> Self {
        match self {}
    }
}
