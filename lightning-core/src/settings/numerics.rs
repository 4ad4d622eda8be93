//! The float types of a run, and gradient checkpointing.

use super::{SettingsRecord, builder::TrainerBuilder, put};
use crate::precision::{self, IntoPrecision, Numerics};

impl<M, K> TrainerBuilder<M, K> {
    /// Sets the float types of parameters and computation: a [`Precision`](crate::Precision) or its
    /// name (`"bf16-mixed"`, …). Default: the types of the module and its batches, which are
    /// float32 unless the program chooses others.
    #[must_use]
    pub fn precision(mut self, precision: impl IntoPrecision) -> Self {
        if let Some(precision) = self.errors.take(precision.into_precision()) {
            self.settings.numerics.precision = Some(precision);
        }
        self
    }

    /// Whether the backward pass recomputes cheap activations in place of storing them in the
    /// forward pass. This takes less memory and more time; the results are the same. Default: no.
    #[must_use]
    pub fn gradient_checkpointing(mut self, enable: bool) -> Self {
        self.settings.numerics.gradient_checkpointing = enable;
        self
    }
}

/// Adds the precision, if one was chosen: without one, the types are those of the module.
pub(super) fn record(numerics: Numerics, record: &mut SettingsRecord) {
    // Recomputed activations are the same numbers, so that the setting is not compared.
    let Numerics { precision, gradient_checkpointing: _ } = numerics;
    if let Some(precision) = precision {
        put(record, precision::SETTING, precision);
    }
}
