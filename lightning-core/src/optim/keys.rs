//! Typed names of optimizers.

use std::marker::PhantomData;

use crate::params::FieldKey;

/// The name of a module's optimizer as a typed constant, for one that is declared on the struct (`Net::OPTIMIZER`). An
/// optimizer of a field goes by the field's key.
pub struct OptimizerKey<M> {
    name: &'static str,
    module: PhantomData<fn() -> M>,
}

impl<M> OptimizerKey<M> {
    /// The key of the optimizer with this name; emitted by the macro, and written by hand for an optimizer that
    /// `configure_optimizers` makes.
    pub const fn new(name: &'static str) -> Self {
        Self { name, module: PhantomData }
    }

    /// The optimizer's name.
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

/// Marks the key of a field that has an optimizer of its own.
#[derive(Clone, Copy, Debug)]
pub struct HasOptimizer(());

/// What names an optimizer of the module `M`.
#[diagnostic::on_unimplemented(
    message = "this is not the name of an optimizer of `{M}`",
    label = "no optimizer of `{M}`",
    note = "an optimizer is named by the key of its field (`Net::CRITIC`, with `#[optimizer(…)]` on `critic`), or by `Net::OPTIMIZER` when it is declared on the struct"
)]
pub trait NamesOptimizer<M> {
    /// The optimizer's name.
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
