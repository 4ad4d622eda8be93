//! One trait for each step of a module.

use super::{optimizers::Optimizers, outputs::TrainingOutput, step_context::StepContext, traits::LightningImpl};
use crate::error::{Error, Result};

/// A module with a `training_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` needs a `training_step` to be fitted",
    label = "this module has no `training_step`",
    note = "write `fn training_step(&self, batch: B) -> Tensor<1>` in the `#[lightning_module]` impl",
    note = "C5 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait TrainingStep: LightningImpl {
    /// Runs the step; `None` skips the batch.
    #[doc(hidden)]
    fn run_training_step(
        &self,
        step: usize,
        batch: Self::TrainBatch,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        let _ = (step, batch, cx);
        Err(Error::config("a module with `#[manual_optimization]` must be trained by a trainer")
            .help("call `fit` of its trainer"))
    }

    /// Runs the step of a module with manual optimization.
    #[doc(hidden)]
    fn run_manual_step(
        &mut self,
        batch: Self::TrainBatch,
        optimizers: &mut Optimizers<'_, Self>,
        cx: &StepContext<'_>,
    ) -> Result<Option<TrainingOutput>> {
        let _ = optimizers;
        self.run_training_step(0, batch, cx)
    }

    /// Copies the batch, if several steps share it.
    #[doc(hidden)]
    const AGAIN: fn(&Self::TrainBatch) -> Option<Self::TrainBatch> = |_| None;
}

/// A module with a `validation_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` needs a `validation_step`",
    label = "this module has no `validation_step`",
    note = "write `fn validation_step(&self, batch: B)` in the `#[lightning_module]` impl, or \
            pass no validation loader",
    note = "C5 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait ValidationStep: LightningImpl {
    /// Runs the step.
    #[doc(hidden)]
    fn run_validation_step(&self, batch: Self::ValBatch, cx: &StepContext<'_>) -> Result<()>;

    /// Copies the batch for the hook after the step.
    #[doc(hidden)]
    const AGAIN: fn(&Self::ValBatch) -> Option<Self::ValBatch> = |_| None;
}

/// A module with a `test_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` needs a `test_step`",
    label = "this module has no `test_step`",
    note = "write `fn test_step(&self, batch: B)` in the `#[lightning_module]` impl",
    note = "C5 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait TestStep: LightningImpl {
    /// Runs the step.
    #[doc(hidden)]
    fn run_test_step(&self, batch: Self::TestBatch, cx: &StepContext<'_>) -> Result<()>;

    /// Copies the batch for the hook after the step.
    #[doc(hidden)]
    const AGAIN: fn(&Self::TestBatch) -> Option<Self::TestBatch> = |_| None;
}

/// A module with a `predict_step`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` needs a `predict_step`",
    label = "this module has no `predict_step`",
    note = "write `fn predict_step(&self, batch: B) -> T` in the `#[lightning_module]` impl",
    note = "C5 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait PredictStep: LightningImpl {
    /// The prediction for a batch.
    type Output: Send;

    /// Runs the step.
    #[doc(hidden)]
    fn run_predict_step(&self, batch: Self::PredictBatch, cx: &StepContext<'_>) -> Result<Self::Output>;

    /// Copies the batch for the hook after the step.
    #[doc(hidden)]
    const AGAIN: fn(&Self::PredictBatch) -> Option<Self::PredictBatch> = |_| None;
}
