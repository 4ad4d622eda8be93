//! The trait of a complete module.

use std::path::Path;

use super::{
    def::ModuleInfo,
    traits::{LightningImpl, LightningStruct},
    weights::{Weights, WeightsReport},
};
use crate::{__private::set_trainable, error::Result, module::weights, params::FieldKey};

/// A complete lightning module, with its struct and its impl.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a lightning module",
    label = "no `#[lightning_module] impl` for this type",
    note = "write `#[lightning_module]` on the struct and on the impl with the steps",
    note = "C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait LightningModule: LightningStruct + LightningImpl {
    /// Freezes everything below the field, in place. For an owned module
    /// `model.freeze(Net::BACKBONE)` returns the frozen module, as Burn's own `freeze` does.
    fn freeze<O>(&mut self, field: FieldKey<Self, O>) {
        *self = set_trainable(self.clone(), field, false);
    }

    /// Unfreezes everything below the field, in place.
    fn unfreeze<O>(&mut self, field: FieldKey<Self, O>) {
        *self = set_trainable(self.clone(), field, true);
    }

    /// Writes the parameters, running statistics and buffers to a safetensors file, under their
    /// paths and in Burn's layout.
    ///
    /// # Errors
    /// If the file cannot be written, with its path.
    fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        weights::save(self, path.as_ref())
    }

    /// Loads weights from a file: all, those of one field, or some under other names. Returns which
    /// weights were applied, skipped, missing and unused.
    ///
    /// # Errors
    /// If the file cannot be read, a shape does not fit, or no weight was applied. The module is
    /// then unchanged.
    fn load_weights(&mut self, weights: Weights<Self>) -> Result<WeightsReport> {
        weights::load(self, &weights)
    }
}

impl<M: LightningStruct + LightningImpl> LightningModule for M {}

impl ModuleInfo {
    /// Returns the description of `M` that the macro emitted.
    pub(crate) const fn of<M: LightningModule>() -> Self {
        let type_name = std::any::type_name::<M>;
        Self {
            name: M::NAME,
            type_name,
            fields: M::FIELDS,
            metrics: M::METRICS,
            hooks: M::HOOKS,
            training: M::TRAINING,
        }
    }
}
