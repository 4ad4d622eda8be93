//! The return types of steps and hooks.

use std::{any::Any, ops::ControlFlow};

use burn::tensor::Tensor;

use crate::{
    error::{Error, Result},
    optim::Weight,
};

/// The result of a training step, with its type erased.
#[doc(hidden)]
#[derive(Debug)]
pub struct TrainingOutput {
    /// The mean loss, or the sum that is divided by `weight`.
    pub(crate) loss: Tensor<1>,
    pub(crate) weight: Weight,
    /// Whether the loss is a mean, and its weight is one.
    pub(crate) is_mean: bool,
    /// The output for `on_train_batch_end`.
    pub(crate) output: Option<Box<dyn Any + Send>>,
}

/// A return type of `training_step`.
#[diagnostic::on_unimplemented(
    message = "`training_step` must return the loss, found `{Self}`",
    label = "expected the loss: `Tensor<1>`",
    note = "write `Tensor<1>` (the mean loss), `Option<Tensor<1>>` (`None` skips the batch), \
            `Result<Tensor<1>>`, or `Loss<T>` (the loss and an output)",
    note = "`.mean()` reduces a tensor to one element; a plain number has no gradient",
    note = "C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait IntoTrainingOutput {
    /// Converts it.
    #[doc(hidden)]
    fn into_training_output(self) -> Result<Option<TrainingOutput>>;
}

impl IntoTrainingOutput for Tensor<1> {
    fn into_training_output(self) -> Result<Option<TrainingOutput>> {
        Ok(Some(TrainingOutput { loss: self, weight: Weight::Number(1.0), is_mean: true, output: None }))
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

/// A return type of a `training_step` with `#[manual_optimization]`.
#[diagnostic::on_unimplemented(
    message = "a step with `#[manual_optimization]` must return nothing or the loss, found `{Self}`",
    label = "expected nothing, the loss, or a `Result` of either",
    note = "a returned `Tensor<1>` is displayed as the loss and not differentiated",
    note = "C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
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

/// A return type of a training step with an output `O` for `on_train_batch_end`.
#[diagnostic::on_unimplemented(
    message = "`training_step` must return the output `{O}` that `on_train_batch_end` takes, found `{Self}`",
    label = "has no output `{O}`",
    note = "write `-> Loss<{O}>`, and return `Loss::new(loss).output(value)`",
    note = "C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait GivesOutput<O> {}

impl<O, T: GivesOutput<O>> GivesOutput<O> for Option<T> {}

impl<O, T: GivesOutput<O>, E> GivesOutput<O> for Result<T, E> {}

/// A type of the parameter `outputs` of a hook after an evaluation: `Vec<T>`.
#[diagnostic::on_unimplemented(
    message = "`outputs` must be a `Vec`, found `{Self}`",
    label = "expected `Vec<T>`",
    note = "write `outputs: Vec<T>` for a step that returns `T` or `Result<T>`",
    note = "C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait EpochOutputs: Sized {
    /// Converts the collected outputs.
    #[doc(hidden)]
    fn take(kept: Vec<Box<dyn Any + Send>>) -> Result<Self>;
}

impl<T: Send + 'static> EpochOutputs for Vec<T> {
    fn take(kept: Vec<Box<dyn Any + Send>>) -> Result<Self> {
        let outputs = kept.into_iter().map(|output| output.downcast::<T>().map(|output| *output));
        outputs
            .collect::<Result<_, _>>()
            .map_err(|_| Error::msg("the step must return the element of its hook's `outputs`"))
    }
}

/// A return type of an evaluation step whose hook takes the outputs `O`.
#[diagnostic::on_unimplemented(
    message = "the step must return the element type of `outputs: {O}`, found `{Self}`",
    label = "expected the element type of `{O}`",
    note = "write `outputs: Vec<{Self}>` in the hook, or change the return type of the step",
    note = "C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait OutputOf<O>: Send + 'static {}

impl<T: Send + 'static> OutputOf<Vec<T>> for T {}

/// A return type of `on_train_batch_start`.
#[diagnostic::on_unimplemented(
    message = "`on_train_batch_start` must return nothing or `ControlFlow<()>`, found `{Self}`",
    label = "expected nothing, `ControlFlow<()>`, or a `Result` of either",
    note = "`ControlFlow::Break(())` skips the rest of the epoch",
    note = "C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
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

/// A return type of a hook.
#[diagnostic::on_unimplemented(
    message = "a hook must return nothing or `Result<()>`, found `{Self}`",
    label = "expected nothing, or `Result<()>`",
    note = "write no return type, or `-> lightning_core::Result<()>` if the hook can fail",
    note = "C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
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

/// A `Result` as its value and error, for steps and constructors whose return type ends in
/// `Result`.
#[diagnostic::on_unimplemented(
    message = "`Result` must be `Result<T, E>`, found `{Self}`",
    label = "expected `Result<T, E>`",
    note = "a return type whose last segment is `Result` must be a `Result<T, E>`: rename any other type",
    note = "C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait FallibleOutput {
    /// The type of the value.
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
