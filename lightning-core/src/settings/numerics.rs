//! In which float types a run computes.

use super::{SettingsRecord, builder::TrainerBuilder, put};
use crate::precision::{self, IntoPrecision, Numerics};

impl<M> TrainerBuilder<M> {
    /// In which float types to keep parameters and to compute: a [`Precision`](crate::Precision) or its name (`"bf16-mixed"`, …).
    /// Default: in those that the module and its batches have, which is float32 unless a program says otherwise.
    #[must_use]
    pub fn precision(mut self, precision: impl IntoPrecision) -> Self {
        if let Some(precision) = self.errors.take(precision.into_precision()) {
            self.settings.numerics.precision = Some(precision);
        }
        self
    }

    /// Whether the backward pass computes activations that are cheap to compute again, rather than keep them from the forward
    /// pass: less memory for more time, and the same numbers. Default no.
    #[must_use]
    pub fn gradient_checkpointing(mut self, enable: bool) -> Self {
        self.settings.numerics.gradient_checkpointing = enable;
        self
    }
}

/// Adds the precision, if one was chosen: without one, the types are those of the module.
pub(super) fn record(numerics: Numerics, record: &mut SettingsRecord) {
    // Recomputed activations are the same numbers.
    let Numerics { precision, gradient_checkpointing: _ } = numerics;
    if let Some(precision) = precision {
        put(record, precision::SETTING, precision);
    }
}
