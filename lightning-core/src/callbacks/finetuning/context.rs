//! What a finetuning schedule can do: freeze and unfreeze fields, and set their learning rates.

use super::freeze::{freeze, unfreeze};
use crate::{
    callbacks::CallbackContext,
    error::{Error, Result},
    module::{FieldKey, LightningModule},
    optim::{AddedGroup, AddedRate, Optimizer},
    params::parameters,
};

/// The learning rate of a field that is unfrozen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a rate is a number or depends on another")]
pub enum UnfrozenRate {
    /// The optimizer's learning rate divided by this number. The ratio stays fixed, so that the
    /// field follows the optimizer's schedule.
    Divided(f64),
    /// This learning rate, which only [`FinetuningContext::set_lr`] changes.
    Fixed(f64),
}

impl Default for UnfrozenRate {
    /// A tenth of the optimizer's learning rate.
    fn default() -> Self {
        Self::Divided(10.0)
    }
}

/// Freezes and unfreezes fields of a module, for a
/// [`FinetuningSchedule`](super::FinetuningSchedule).
#[derive(Debug)]
pub struct FinetuningContext<'a, 'r, M> {
    pub(in crate::callbacks) cx: &'a mut CallbackContext<'r>,
    /// The module.
    pub module: &'a mut M,
}

impl<M: LightningModule> FinetuningContext<'_, '_, M> {
    /// Freezes a field: it gets no gradient and behaves as in evaluation.
    ///
    /// With `train_bn` its BatchNorm layers continue to train.
    ///
    /// # Errors
    /// If the module cannot be visited.
    pub fn freeze<O>(&mut self, field: FieldKey<M, O>, train_bn: bool) -> Result<()> {
        freeze(self.module, field.name(), train_bn)
    }

    /// Unfreezes a field without a learning rate of its own.
    ///
    /// Without `train_bn` its BatchNorm layers stay frozen.
    ///
    /// # Errors
    /// If the module cannot be visited.
    pub fn unfreeze<O>(&mut self, field: FieldKey<M, O>, train_bn: bool) -> Result<()> {
        unfreeze(self.module, field.name(), train_bn)
    }

    /// Unfreezes a field, adds it as a parameter group to the optimizer and returns the group's
    /// learning rate.
    ///
    /// The optimizer is the one that trains the field, or the first one if none does. It keeps the
    /// state of the field's parameters.
    ///
    /// # Errors
    /// If the learning rate is negative or not finite, or if the field has no parameters.
    pub fn unfreeze_and_add_param_group<O>(
        &mut self,
        field: FieldKey<M, O>,
        rate: UnfrozenRate,
        train_bn: bool,
    ) -> Result<f64> {
        self.unfreeze_as_group(field.name(), rate, train_bn)
    }

    pub(in crate::callbacks) fn unfreeze_as_group(
        &mut self,
        field: &str,
        rate: UnfrozenRate,
        train_bn: bool,
    ) -> Result<f64> {
        let names = parameters(self.module)?;
        let optimizer = optimizer_of(self.cx, field)?;
        let rate = match rate {
            UnfrozenRate::Divided(by) => AddedRate::Share(1.0 / by),
            UnfrozenRate::Fixed(lr) => AddedRate::ByHand(lr),
        };
        optimizer.add_group(AddedGroup { below: field.to_owned(), rate }, &names)?;
        let lr = optimizer.rates().last().unwrap_or_default();
        unfreeze(self.module, field, train_bn)?;
        Ok(lr)
    }

    /// Returns the learning rate of the optimizer that trains a field: that of the parameters that
    /// are in no group.
    ///
    /// # Errors
    /// If there is no optimizer.
    pub fn lr<O>(&mut self, field: FieldKey<M, O>) -> Result<f64> {
        optimizer_of(self.cx, field.name()).map(|optimizer| optimizer.lr())
    }

    /// Sets the learning rate of a field that was unfrozen as a parameter group.
    ///
    /// # Errors
    /// If the field has no group, or the learning rate is negative or not finite.
    pub fn set_lr<O>(&mut self, field: FieldKey<M, O>, lr: f64) -> Result<()> {
        set_lr(self.cx, field.name(), lr)
    }

    /// Prints a line above the progress bar.
    pub fn print(&mut self, text: impl AsRef<str>) {
        self.cx.print(text);
    }
}

/// Returns the optimizer that trains a field, or the first one if none does.
pub(in crate::callbacks) fn optimizer_of<'a>(
    cx: &'a mut CallbackContext<'_>,
    field: &str,
) -> Result<&'a mut Optimizer> {
    let optimizers = &mut cx.view.train.optimizers;
    let owner = optimizers.iter().position(|optimizer| optimizer.owns(field)).unwrap_or(0);
    optimizers.get_mut(owner).ok_or_else(|| {
        Error::config(format!("`{field}` needs an optimizer to be unfrozen, but the optimizers are not created yet"))
            .help("unfreeze it in `finetune`, which is called before every epoch")
    })
}

/// Sets the learning rate of a field's parameter group.
pub(in crate::callbacks) fn set_lr(cx: &mut CallbackContext<'_>, field: &str, lr: f64) -> Result<()> {
    if !(lr.is_finite() && lr >= 0.0) {
        return Err(Error::config(format!("the learning rate of `{field}` must be finite and at least 0, found {lr}"))
            .help("write a number such as `1e-4`"));
    }
    if optimizer_of(cx, field)?.set_added_rate(field, lr) {
        return Ok(());
    }
    Err(Error::config(format!("`{field}` has no separate learning rate"))
        .help("call `unfreeze_and_add_param_group` for it first"))
}
