//! Asks at compile time for loaders that are written outside of the attributed impl of a data module,
//! where nothing calls them.
//!
//! An inherent method has priority over a method of a trait, so `Self::val_dataloader` is that of
//! [`DataModule`], which returns [`NoLoader`], only if no `impl` has a method of that name.

use super::{DataModule, NoLoader};
use crate::error::Result;

/// Implemented by the functions of [`DataModule`] for a loader that is not written.
#[diagnostic::on_unimplemented(
    message = "a loader must be in the `#[data_module]` impl, found `{Self}` in another impl",
    label = "the trainer calls the loaders of this impl only",
    note = "move the method to this impl, or rename it"
)]
pub trait NoLoaderOf<D> {}

#[diagnostic::do_not_recommend]
impl<D: DataModule, F: Fn(&mut D) -> Result<NoLoader>> NoLoaderOf<D> for F {}

/// Asks that no `impl` has the loader.
pub fn unwritten_loader<D: DataModule>(loader: impl NoLoaderOf<D>) {
    let _ = loader;
}
