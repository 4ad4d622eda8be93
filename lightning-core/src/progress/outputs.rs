//! The values that steps returned.

use std::any::Any;

/// The values that steps returned, kept for the hooks and callbacks that take them.
#[derive(Debug, Default)]
pub(crate) struct StepOutputs {
    /// What the last training step passed on with `Loss::output`.
    pub(crate) training: Option<Box<dyn Any + Send>>,
    /// What the evaluation steps returned, for the hook after the epoch.
    pub(crate) evaluation: Vec<Box<dyn Any + Send>>,
    /// The collected outputs of a prediction run: a `CollectedOutputs`.
    pub(crate) predictions: Option<Box<dyn Any + Send>>,
    /// The number of batches of each loader that this process has predicted.
    pub(crate) predicted: Vec<u64>,
}
