//! Typed names of optimizers.

use std::marker::PhantomData;

use crate::params::FieldKey;

/// The name of an optimizer that is declared on the struct of a module, such as `Net::OPTIMIZER`.
///
/// An optimizer of a field has the key of the field.
///
/// ```
/// # struct Net;
/// use lightning_core::optim::OptimizerKey;
///
/// const CRITIC: OptimizerKey<Net> = OptimizerKey::new("critic");
/// assert_eq!(CRITIC.name(), "critic");
/// ```
pub struct OptimizerKey<M> {
    name: &'static str,
    module: PhantomData<fn() -> M>,
}

impl<M> OptimizerKey<M> {
    /// Creates the key of the optimizer `name`.
    ///
    /// The macro emits the keys of declared optimizers; write one for an optimizer that
    /// `configure_optimizers` makes.
    pub const fn new(name: &'static str) -> Self {
        Self { name, module: PhantomData }
    }

    /// Returns the name of the optimizer.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl<M> Clone for OptimizerKey<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for OptimizerKey<M> {}

impl<M> std::fmt::Debug for OptimizerKey<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OptimizerKey({})", self.name)
    }
}

/// Marks the key of a field that has an optimizer.
#[derive(Clone, Copy, Debug)]
pub struct HasOptimizer(());

/// The key of an optimizer of the module `M`: an [`OptimizerKey`] or a field's key.
#[diagnostic::on_unimplemented(
    message = "unknown optimizer of `{M}`",
    label = "not an optimizer of `{M}`",
    note = "write the key of the optimizer's field, such as `{M}::CRITIC`, or `{M}::OPTIMIZER` for an \
            optimizer on the struct",
    note = "C12 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait NamesOptimizer<M> {
    /// Returns the name of the optimizer.
    #[doc(hidden)]
    fn optimizer_name(self) -> &'static str;
}

impl<M> NamesOptimizer<M> for OptimizerKey<M> {
    fn optimizer_name(self) -> &'static str {
        self.name
    }
}

impl<M> NamesOptimizer<M> for FieldKey<M, HasOptimizer> {
    fn optimizer_name(self) -> &'static str {
        self.name()
    }
}
