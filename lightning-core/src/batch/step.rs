//! The batch of a step, which a module may lack.

use burn::tensor::{Device, FloatDType};

use super::{Batch, BatchReader, BatchWriter};
use crate::error::{Error, Result};

/// The batch type of a step that a module does not have. It has no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBatch {}

/// The module has the step.
#[doc(hidden)]
#[derive(Debug)]
pub enum WithStep {}

/// The module does not have the step.
#[doc(hidden)]
#[derive(Debug)]
pub enum WithoutStep {}

/// The batch type of a step: a [`Batch`], or [`NoBatch`] if the module does not have the step.
/// `NoBatch` does not implement `Batch`, so that a missing step is reported once, and not a second
/// time for the loader.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a batch must implement `Batch`, found `{Self}`",
    label = "cannot be moved to a device or counted",
    note = "write `#[derive(Batch)]` on `{Self}`; mark fields that are not tensors \
            `#[batch(host)]`, and the field that defines the batch size `#[batch(size)]`",
    note = "C16 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait StepBatch: Sized + Send + 'static {
    /// Whether the module has the step.
    const PRESENT: bool;
    /// The same as a type: [`WithStep`] or [`WithoutStep`].
    type Present;
    /// The number of samples.
    fn samples(&self) -> Option<usize>;
    /// Moves the batch to a device.
    #[must_use]
    fn on_device(self, device: &Device) -> Self;
    /// Converts the float tensors to a dtype.
    #[must_use]
    fn in_dtype(self, dtype: FloatDType) -> Self;
    /// Adds the parts of the batch to `out`.
    fn save(&self, out: &mut BatchWriter);
    /// Reads a saved batch.
    ///
    /// # Errors
    /// If a part is missing, or cannot be saved.
    fn load(from: &BatchReader<'_>) -> Result<Self>;
}

/// The name of a batch in front of the names of its fields.
const NAME: &str = "batch";

impl<B: Batch> StepBatch for B {
    const PRESENT: bool = true;
    type Present = WithStep;

    fn samples(&self) -> Option<usize> {
        self.batch_size()
    }

    fn on_device(self, device: &Device) -> Self {
        self.to_device(device)
    }

    fn in_dtype(self, dtype: FloatDType) -> Self {
        self.cast(dtype)
    }

    fn save(&self, out: &mut BatchWriter) {
        self.save_batch(NAME, out);
    }

    fn load(from: &BatchReader<'_>) -> Result<Self> {
        B::load_batch(NAME, from)
    }
}

impl StepBatch for NoBatch {
    const PRESENT: bool = false;
    type Present = WithoutStep;

    fn samples(&self) -> Option<usize> {
        match *self {}
    }

    fn on_device(self, _device: &Device) -> Self {
        match self {}
    }

    fn in_dtype(self, _dtype: FloatDType) -> Self {
        match self {}
    }

    fn save(&self, _out: &mut BatchWriter) {
        match *self {}
    }

    fn load(_from: &BatchReader<'_>) -> Result<Self> {
        Err(Error::config("the module has no such step"))
    }
}
