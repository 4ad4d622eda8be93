//! The stages of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a run is doing: given to `setup` and `teardown`, part of every log record and error.
///
/// During `fit`, hooks and records of the validation that `fit` itself runs carry
/// [`Stage::Validate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Training.
    Fit,
    /// Validation, on its own or inside `fit`.
    Validate,
    /// Testing.
    Test,
    /// Prediction.
    Predict,
}

impl Stage {
    /// The stage's name as a word: `fit`, `validate`, `test`, `predict`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Validate => "validate",
            Self::Test => "test",
            Self::Predict => "predict",
        }
    }

    /// The step that runs in the stage.
    pub(crate) const fn step(self) -> &'static str {
        match self {
            Self::Fit => "training_step",
            Self::Validate => "validation_step",
            Self::Test => "test_step",
            Self::Predict => "predict_step",
        }
    }

    /// The data module's method that gives the stage its batches.
    pub(crate) const fn loader(self) -> &'static str {
        match self {
            Self::Fit => "train_dataloader",
            Self::Validate => "val_dataloader",
            Self::Test => "test_dataloader",
            Self::Predict => "predict_dataloader",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
