//! Asks at compile time for hooks outside of the attributed impl, where nothing calls them.
//!
//! An inherent method has priority over an item of a trait: `<Net>::on_fit_end` is the constant of
//! [`HookNames`] only if no `impl` of the module has a method of that name. A private method of
//! another module is not seen; rustc warns of it as dead code.

use super::LightningImpl;

/// The type of a module or data module, for a check that cannot name it.
pub trait Probed {
    /// The type.
    type Type;
}

/// The module of an attributed impl; an unknown type if it has two, which is reported otherwise.
pub type ModuleOf<M> = <<M as LightningImpl>::Builder as Probed>::Type;

/// The value of a hook that no `impl` has.
#[derive(Debug)]
pub struct Absent(());

/// Implemented by the value of a hook of a module that no `impl` has.
#[diagnostic::on_unimplemented(
    message = "a hook must be in the `#[lightning_module]` impl, found `{Self}` in another impl",
    label = "the trainer calls the hooks of this impl only",
    note = "move the method to this impl, or give it another name",
    note = "C19 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait InNoOtherImpl {}

#[diagnostic::do_not_recommend]
impl InNoOtherImpl for Absent {}

/// Accepts a hook of a module that no `impl` has.
pub fn in_no_other_impl<H: InNoOtherImpl>(_hook: H) {}

/// Implemented by the value of a hook of a data module that no `impl` has.
#[diagnostic::on_unimplemented(
    message = "a hook must be in the `#[data_module]` impl, found `{Self}` in another impl",
    label = "the trainer calls the hooks of this impl only",
    note = "move the method to this impl, or give it another name",
    note = "C19 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait InNoOtherDataImpl {}

#[diagnostic::do_not_recommend]
impl InNoOtherDataImpl for Absent {}

/// Accepts a hook of a data module that no `impl` has.
pub fn in_no_other_data_impl<H: InNoOtherDataImpl>(_hook: H) {}

/// Accepts a hook that the attributed impl has.
pub fn written<H>(_hook: H) {}

macro_rules! define {
    ($($name:ident)*; data: $($data:ident)*) => {
        /// A constant with the name of each hook, for every type.
        #[allow(non_upper_case_globals, reason = "they have the names of methods")]
        pub trait HookNames {
            $(
                /// The hook of this name.
                const $name: Absent = Absent(());
            )*
        }

        impl<M> HookNames for M {}

        /// [`in_no_other_impl`] under the name of each hook of a module.
        pub mod checks {
            $(pub use super::in_no_other_impl as $name;)*
        }

        /// [`in_no_other_data_impl`] under the name of each hook of a data module.
        pub mod data_checks {
            $(pub use super::in_no_other_data_impl as $data;)*
        }
    };
}

define! {
    prepare_data setup teardown configure_optimizers training_step validation_step test_step
    predict_step train_dataloader val_dataloader test_dataloader predict_dataloader on_fit_start
    on_fit_end on_train_start on_train_end on_train_epoch_start on_train_epoch_end
    on_train_batch_start on_train_batch_end on_before_zero_grad on_before_backward on_after_backward
    on_before_optimizer_step configure_gradient_clipping on_validation_start on_validation_end
    on_validation_epoch_start on_validation_epoch_end on_validation_batch_start
    on_validation_batch_end on_test_start on_test_end on_test_epoch_start on_test_epoch_end
    on_test_batch_start on_test_batch_end on_predict_start on_predict_end on_predict_epoch_start
    on_predict_epoch_end on_predict_batch_start on_predict_batch_end on_save_checkpoint
    on_load_checkpoint;
    data:
    prepare_data setup teardown train_dataloader val_dataloader test_dataloader predict_dataloader
}

/// Asks that no other impl of a type has one of the hooks, each with the function of its name in
/// `checks`; `written` are those of the attributed impl.
///
/// The check is in a module of its own because there the traits of the program are not in scope: a
/// trait may have a method with the name of a hook, which would be ambiguous with the constant.
#[doc(hidden)]
#[macro_export]
macro_rules! __misplaced {
    ($checks:ident, $type:ty, [] [] [$($written:ident)*] $($hook:ident)*) => {
        mod __lightning_misplaced {
            use $crate::__private::{HookNames as _, Probed, $checks::*};
            // These have priority over the functions of `checks`.
            $(use $crate::__private::written as $written;)*
            pub(super) struct Of;
            type T = <Of as Probed>::Type;
            fn check() {
                $($hook(T::$hook);)*
            }
        }
        impl $crate::__private::Probed for __lightning_misplaced::Of {
            type Type = $type;
        }
    };
    ($checks:ident, $type:ty, [$($params:tt)*] [$($names:tt)*] [$($written:ident)*] $($hook:ident)*) => {
        mod __lightning_misplaced {
            use $crate::__private::{HookNames as _, Probed, $checks::*};
            $(use $crate::__private::written as $written;)*
            pub(super) struct Of<$($params)*>;
            impl<$($params)*> Of<$($names)*> {
                fn check() {
                    $($hook(<<Self as Probed>::Type>::$hook);)*
                }
            }
        }
        impl<$($params)*> $crate::__private::Probed for __lightning_misplaced::Of<$($names)*> {
            type Type = $type;
        }
    };
}

/// Asks that no other impl of a module has one of the hooks.
#[doc(hidden)]
#[macro_export]
macro_rules! __misplaced_hooks {
    ($type:ty[$($params:tt)*][$($names:tt)*] $($written:ident)*) => {
        $crate::__private::misplaced!(
            checks, $crate::__private::ModuleOf<$type>, [$($params)*] [$($names)*] [$($written)*]
            prepare_data setup teardown configure_optimizers training_step validation_step test_step
            predict_step train_dataloader val_dataloader test_dataloader predict_dataloader
            on_fit_start on_fit_end on_train_start on_train_end on_train_epoch_start
            on_train_epoch_end on_train_batch_start on_train_batch_end on_before_zero_grad
            on_before_backward on_after_backward on_before_optimizer_step
            configure_gradient_clipping on_validation_start on_validation_end
            on_validation_epoch_start on_validation_epoch_end on_validation_batch_start
            on_validation_batch_end on_test_start on_test_end on_test_epoch_start on_test_epoch_end
            on_test_batch_start on_test_batch_end on_predict_start on_predict_end
            on_predict_epoch_start on_predict_epoch_end on_predict_batch_start on_predict_batch_end
            on_save_checkpoint on_load_checkpoint
        );
    };
}

/// Asks that no other impl of a data module has one of the hooks.
#[doc(hidden)]
#[macro_export]
macro_rules! __misplaced_data_hooks {
    ($type:ty[$($params:tt)*][$($names:tt)*] $($written:ident)*) => {
        $crate::__private::misplaced!(
            data_checks, <$type as $crate::__private::DataModule>::This, [$($params)*] [$($names)*] [$($written)*]
            prepare_data setup teardown train_dataloader val_dataloader test_dataloader
            predict_dataloader
        );
    };
}
