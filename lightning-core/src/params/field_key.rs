//! The typed name of a field.

/// The name of a field of a module as a typed constant (`Net::BACKBONE`), for freezing, parameter
/// groups and loading weights.
///
/// The key of a field with its own optimizer is a `FieldKey<M, HasOptimizer>`, which also names the
/// optimizer.
pub struct FieldKey<M, O = ()> {
    name: &'static str,
    module: std::marker::PhantomData<fn() -> (M, O)>,
}

impl<M, O> FieldKey<M, O> {
    /// Creates the key of the field `name`. The macro emits it.
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Self {
        Self { name, module: std::marker::PhantomData }
    }

    /// Returns the name of the field.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl<M, O> Clone for FieldKey<M, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, O> Copy for FieldKey<M, O> {}

impl<M, O> std::fmt::Debug for FieldKey<M, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FieldKey({})", self.name)
    }
}
