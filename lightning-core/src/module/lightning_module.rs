//! The trait of a whole module.

use std::path::Path;

use super::{
    def::ModuleInfo,
    traits::{LightningImpl, LightningStruct},
    weights::{Weights, WeightsReport},
};
use crate::{__private::set_trainable, error::Result, module::weights, params::FieldKey};

/// A module that a trainer takes: both halves of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a lightning module",
    label = "no `#[lightning_module] impl` for this type",
    note = "write `#[lightning_module]` on the struct and on the impl with the steps"
)]
pub trait LightningModule: LightningStruct + LightningImpl {
    /// Stops training everything below the field, in place. Of an owned module `model.freeze(Net::BACKBONE)` gives the frozen
    /// module back, as Burn's own `freeze` does.
    fn freeze<O>(&mut self, field: FieldKey<Self, O>) {
        *self = set_trainable(self.clone(), field, false);
    }

    /// Trains everything below the field again, in place.
    fn unfreeze<O>(&mut self, field: FieldKey<Self, O>) {
        *self = set_trainable(self.clone(), field, true);
    }

    /// Writes the parameters, running statistics and buffers to a safetensors file, under their paths and in Burn's layout.
    ///
    /// # Errors
    /// When the file cannot be written, with its path.
    fn save_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        weights::save(self, path.as_ref())
    }

    /// Gives the module weights of a file: all, those of one field, or some under other names. Says what was applied, skipped, missing and
    /// left over. The module stays as it is when a shape does not fit.
    ///
    /// # Errors
    /// When the file cannot be read, a shape does not fit, or nothing in it has a place in the module.
    fn load_weights(&mut self, weights: Weights<Self>) -> Result<WeightsReport> {
        weights::load(self, &weights)
    }
}

impl<M: LightningStruct + LightningImpl> LightningModule for M {}

impl ModuleInfo {
    /// What the macro says about `M`.
    pub(crate) const fn of<M: LightningModule>() -> Self {
        let type_name = std::any::type_name::<M>;
        Self { type_name, fields: M::FIELDS, metrics: M::METRICS, hooks: M::HOOKS, training: M::TRAINING }
    }
}
