//! Asks at compile time for hooks that are written outside of the attributed impl, where nothing
//! calls them.
//!
//! An inherent method has priority over an item of a trait, so `<Net>::on_fit_end` is the constant
//! of [`UnwrittenHooks`] only if no `impl` of the module has a method of that name. A private method
//! of another module is not seen; rustc warns of it as dead code.

/// The type of a module or data module, for a check that cannot name it.
pub trait Probed {
    /// The type.
    type Type;
}

/// The answer for a hook that no `impl` has.
#[derive(Debug)]
pub struct Unwritten(());

macro_rules! define_constants {
    ($({ $name:ident = $variant:ident, $doc:literal, $($flags:tt)* })*) => {
        /// A constant with the name of each hook, for every type.
        #[allow(non_upper_case_globals, reason = "they have the names of methods")]
        pub trait UnwrittenHooks {
            $(
                #[doc = $doc]
                const $name: Unwritten = Unwritten(());
            )*
            /// A step.
            const training_step: Unwritten = Unwritten(());
            /// A step.
            const validation_step: Unwritten = Unwritten(());
            /// A step.
            const test_step: Unwritten = Unwritten(());
            /// A step.
            const predict_step: Unwritten = Unwritten(());
            /// A loader.
            const train_dataloader: Unwritten = Unwritten(());
            /// A loader.
            const val_dataloader: Unwritten = Unwritten(());
            /// A loader.
            const test_dataloader: Unwritten = Unwritten(());
            /// A loader.
            const predict_dataloader: Unwritten = Unwritten(());
            /// The optimizers.
            const configure_optimizers: Unwritten = Unwritten(());
        }
    };
}

lightning_macros::with_hooks!(define_constants);

impl<M> UnwrittenHooks for M {}

/// Implemented by the answer for a hook of a module that no `impl` has.
#[diagnostic::on_unimplemented(
    message = "a hook must be in the `#[lightning_module]` impl, found `{Self}` in another impl",
    label = "the trainer calls the hooks of this impl only",
    note = "move the method to this impl, or rename it"
)]
pub trait InNoImpl {}

#[diagnostic::do_not_recommend]
impl InNoImpl for Unwritten {}

/// Asks that no `impl` of a module has the hook.
pub fn unwritten<H: InNoImpl>(hook: H) {
    let _ = hook;
}

/// Implemented by the answer for a hook of a data module that no `impl` has.
#[diagnostic::on_unimplemented(
    message = "a hook must be in the `#[data_module]` impl, found `{Self}` in another impl",
    label = "the trainer calls the hooks of this impl only",
    note = "move the method to this impl, or rename it"
)]
pub trait InNoDataImpl {}

#[diagnostic::do_not_recommend]
impl InNoDataImpl for Unwritten {}

/// Asks that no `impl` of a data module has the hook.
pub fn unwritten_of_data<H: InNoDataImpl>(hook: H) {
    let _ = hook;
}
