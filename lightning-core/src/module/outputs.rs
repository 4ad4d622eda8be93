//! What steps and hooks may return.

use std::{any::Any, ops::ControlFlow};

use burn::tensor::Tensor;

use crate::{
    error::{Error, Result},
    optim::Weight,
};

/// A training step's result, erased.
#[doc(hidden)]
#[derive(Debug)]
pub struct TrainingOutput {
    /// The mean loss, or the sum that `weight` divides.
    pub(crate) loss: Tensor<1>,
    pub(crate) weight: Weight,
    /// Read by the batch-end hooks.
    pub(crate) output: Option<Box<dyn Any + Send>>,
}

/// What `training_step` may return.
#[diagnostic::on_unimplemented(
    message = "`training_step` cannot return `{Self}`",
    label = "expected the loss: `Tensor<1>`",
    note = "return the mean loss as `Tensor<1>`, or `Option<Tensor<1>>` (`None` skips the batch), `Result<Tensor<1>>`, `Loss`"
)]
pub trait IntoTrainingOutput {
    /// Converts it.
    #[doc(hidden)]
    fn into_training_output(self) -> Result<Option<TrainingOutput>>;
}

impl IntoTrainingOutput for Tensor<1> {
    fn into_training_output(self) -> Result<Option<TrainingOutput>> {
        Ok(Some(TrainingOutput { loss: self, weight: Weight::Number(1.0), output: None }))
    }
}

impl<T: IntoTrainingOutput> IntoTrainingOutput for Option<T> {
    fn into_training_output(self) -> Result<Option<TrainingOutput>> {
        match self {
            Some(output) => output.into_training_output(),
            None => Ok(None),
        }
    }
}

impl<T: IntoTrainingOutput, E: Into<Error>> IntoTrainingOutput for Result<T, E> {
    fn into_training_output(self) -> Result<Option<TrainingOutput>> {
        self.map_err(Into::into)?.into_training_output()
    }
}

/// What a `training_step` with `#[manual_optimization]` may return.
#[diagnostic::on_unimplemented(
    message = "a `training_step` with `#[manual_optimization]` cannot return `{Self}`",
    label = "expected nothing, the loss, or a `Result` of either",
    note = "it steps the optimizers itself; a `Tensor<1>` that it returns is shown as the loss and not differentiated"
)]
pub trait ManualOutput {
    /// Converts it.
    #[doc(hidden)]
    fn into_manual_output(self) -> Result<Option<TrainingOutput>>;
}

impl ManualOutput for () {
    fn into_manual_output(self) -> Result<Option<TrainingOutput>> {
        Ok(None)
    }
}

impl ManualOutput for Tensor<1> {
    fn into_manual_output(self) -> Result<Option<TrainingOutput>> {
        self.into_training_output()
    }
}

impl<T: ManualOutput, E: Into<Error>> ManualOutput for Result<T, E> {
    fn into_manual_output(self) -> Result<Option<TrainingOutput>> {
        self.map_err(Into::into)?.into_manual_output()
    }
}

/// A training step that hands `O` on to `on_train_batch_end`.
#[diagnostic::on_unimplemented(
    message = "the training step returns `{Self}`, and `on_train_batch_end` takes `outputs: &{O}`",
    label = "hands on no `{O}`",
    note = "return `Loss<{O}>`: `Loss::new(loss).output(value)`"
)]
pub trait GivesOutput<O> {}

impl<O, T: GivesOutput<O>> GivesOutput<O> for Option<T> {}

impl<O, T: GivesOutput<O>, E> GivesOutput<O> for Result<T, E> {}

/// What the parameter `outputs` of a hook after an evaluation may be: `Vec<T>`.
#[diagnostic::on_unimplemented(
    message = "`outputs` cannot be `{Self}`",
    label = "expected `Vec<T>`",
    note = "the hook gets what the step returned for every batch: `outputs: Vec<T>`, where the step returns `T` or `Result<T>`"
)]
pub trait EpochOutputs: Sized {
    /// Takes what was kept.
    #[doc(hidden)]
    fn take(kept: Vec<Box<dyn Any + Send>>) -> Result<Self>;
}

impl<T: Send + 'static> EpochOutputs for Vec<T> {
    fn take(kept: Vec<Box<dyn Any + Send>>) -> Result<Self> {
        let outputs = kept.into_iter().map(|output| output.downcast::<T>().map(|output| *output));
        outputs.collect::<Result<_, _>>().map_err(|_| Error::msg("a step returned another type than its hook takes"))
    }
}

/// What an evaluation step returns where the hook after it takes `O`.
#[diagnostic::on_unimplemented(
    message = "the step returns `{Self}`, and the hook after it takes `outputs: {O}`",
    label = "expected the element of `{O}`",
    note = "write `outputs: Vec<{Self}>` in the hook, or return its element from the step"
)]
pub trait OutputOf<O>: Send + 'static {}

impl<T: Send + 'static> OutputOf<Vec<T>> for T {}

/// What `on_train_batch_start` may return.
#[diagnostic::on_unimplemented(
    message = "`on_train_batch_start` cannot return `{Self}`",
    label = "expected nothing, `ControlFlow<()>`, or a `Result` of either",
    note = "`ControlFlow::Break(())` leaves the rest of the epoch out"
)]
pub trait FlowOutput {
    /// Converts it.
    #[doc(hidden)]
    fn into_flow(self) -> Result<ControlFlow<()>>;
}

impl FlowOutput for () {
    fn into_flow(self) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}

impl FlowOutput for ControlFlow<()> {
    fn into_flow(self) -> Result<ControlFlow<()>> {
        Ok(self)
    }
}

impl<T: FlowOutput, E: Into<Error>> FlowOutput for Result<T, E> {
    fn into_flow(self) -> Result<ControlFlow<()>> {
        self.map_err(Into::into)?.into_flow()
    }
}

/// What a hook may return.
#[diagnostic::on_unimplemented(
    message = "a hook cannot return `{Self}`",
    label = "expected nothing, or `Result<()>`",
    note = "return nothing, or `lightning_core::Result<()>` when the hook can fail"
)]
pub trait HookOutput {
    /// Converts it.
    #[doc(hidden)]
    fn into_hook_output(self) -> Result<()>;
}

impl HookOutput for () {
    fn into_hook_output(self) -> Result<()> {
        Ok(())
    }
}

impl<E: Into<Error>> HookOutput for Result<(), E> {
    fn into_hook_output(self) -> Result<()> {
        self.map_err(Into::into)
    }
}

/// A `Result`, seen by its two halves: for steps and constructors whose written return type ends in `Result`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named `Result` but is none",
    label = "expected `Result<T, E>`",
    note = "a return type whose last segment is `Result` is taken to be fallible"
)]
pub trait FallibleOutput {
    /// What it gives when all is well.
    type Output;

    /// Converts it.
    #[doc(hidden)]
    fn into_fallible_output(self) -> Result<Self::Output>;
}

impl<T, E: Into<Error>> FallibleOutput for Result<T, E> {
    type Output = T;

    fn into_fallible_output(self) -> Result<T> {
        self.map_err(Into::into)
    }
}
