//! The typed name of a field.

/// The name of a module's field as a typed constant (`Net::BACKBONE`): for freezing, groups and weight loading. The key of
/// a field with an optimizer of its own is a `FieldKey<M, HasOptimizer>` and names the optimizer too.
pub struct FieldKey<M, O = ()> {
    name: &'static str,
    module: std::marker::PhantomData<fn() -> (M, O)>,
}

impl<M, O> FieldKey<M, O> {
    /// The key of the field with this name; emitted by the macro.
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Self {
        Self { name, module: std::marker::PhantomData }
    }

    /// The field's name.
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
