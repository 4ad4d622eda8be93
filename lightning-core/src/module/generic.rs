//! The bounds of the type parameters of a generic module.
//!
//! Each generated impl of a generic module requires [`DeclaredModule`], which is implemented where
//! the type parameters have the bounds that the fields need. A missing bound is then reported by
//! one assertion, at the parameter or at the type of the field, and not by each impl.

use std::fmt::Debug;

use burn::module::{Module, ModuleDisplay};

/// A generic module whose type parameters have the bounds that its fields need.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module: its type parameters lack bounds",
    label = "a type parameter has too few bounds here",
    note = "write the bounds of the struct, such as `M: Module + ModuleDisplay + 'static`",
    note = "C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait DeclaredModule: Module + ModuleDisplay + 'static {}

/// A type parameter that is a field of a module, or is in a `Vec`, `Option` or tuple of one.
#[diagnostic::on_unimplemented(
    message = "the type parameter `{Self}` of a field must be `Module + ModuleDisplay + 'static`",
    label = "its bounds are too few",
    note = "write `{Self}: Module + ModuleDisplay + 'static` and your own traits, on the struct and on its impls; import \
            both traits from `burn::module`",
    note = "write `#[state(skip)]` above a field that is not a module",
    note = "C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait ModuleParam: Module + ModuleDisplay + 'static {}

#[diagnostic::do_not_recommend]
impl<M: Module + ModuleDisplay + 'static> ModuleParam for M {}

/// A generic type of a field of a module.
#[diagnostic::on_unimplemented(
    message = "the field type `{Self}` must be a module for each value of its type parameters",
    label = "not a `Module + ModuleDisplay + 'static` with these bounds",
    note = "add to the type parameters the bounds with which `{Self}` is a module",
    note = "write `#[state(skip)]` above a field that is not a module",
    note = "C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait ModuleField: Module + ModuleDisplay + 'static {}

#[diagnostic::do_not_recommend]
impl<M: Module + ModuleDisplay + 'static> ModuleField for M {}

/// A type parameter that is data of a field, or is in a `Vec` or `Option` of it.
#[diagnostic::on_unimplemented(
    message = "the type parameter `{Self}` of a field must be `Clone + Debug + Send + 'static`",
    label = "its bounds are too few",
    note = "write `{Self}: Clone + Debug + Send + 'static` and your own traits, on the struct and on its impls",
    note = "C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait DataParam: Clone + Debug + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Debug + Send + 'static> DataParam for T {}

/// A generic type of a field that is not a module.
#[diagnostic::on_unimplemented(
    message = "the field type `{Self}` must be `Clone + Debug + Send + 'static`",
    label = "with these bounds it is not",
    note = "add to the type parameters the bounds with which it is",
    note = "C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait DataField: Clone + Debug + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Debug + Send + 'static> DataField for T {}

/// Asks for the bounds of a type parameter that is a module.
pub const fn assert_module_param<M: ModuleParam>() {}

/// Asks for the bounds of a type parameter that is data.
pub const fn assert_data_param<T: DataParam>() {}

/// Asks for the bounds of the type of a field that is a module.
pub const fn assert_module_field<M: ModuleField>() {}

/// Asks for the bounds of the type of a field that is not a module.
pub const fn assert_data_field<T: DataField>() {}
