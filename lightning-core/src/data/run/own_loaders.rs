//! Modules with their own loaders, for which `fit`, `validate`, `test` and `predict` take `()`.

use crate::{data::Has, error::Result, module::LightningImpl};

/// A lightning module with its own loaders. Implemented by `#[lightning_module]` on an impl with a
/// `*_dataloader` method.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no loaders",
    label = "no data to run on",
    note = "write `fn train_dataloader(&self) -> Result<DataLoader<B>>` in the \
            `#[lightning_module]` impl, or pass the data here",
    note = "C5 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait ModuleLoaders: LightningImpl {
    /// `Has<loader>` or `NoLoader`.
    type Train;
    /// `Has<loader>` or `NoLoader`.
    type Val;
    /// `Has<loader>` or `NoLoader`.
    type Test;
    /// `Has<loader>` or `NoLoader`.
    type Predict;

    /// The training loader.
    ///
    /// # Errors
    /// Those of the method.
    fn train_dataloader(&mut self) -> Result<Self::Train>;
    /// The validation loader.
    ///
    /// # Errors
    /// Those of the method.
    fn val_dataloader(&mut self) -> Result<Self::Val>;
    /// The test loader.
    ///
    /// # Errors
    /// Those of the method.
    fn test_dataloader(&mut self) -> Result<Self::Test>;
    /// The prediction loader.
    ///
    /// # Errors
    /// Those of the method.
    fn predict_dataloader(&mut self) -> Result<Self::Predict>;
}

/// A loader that the module has.
#[diagnostic::on_unimplemented(
    message = "the module has no loader for this call",
    label = "no data to run on",
    note = "write the loader in the `#[lightning_module]` impl: `train_dataloader` for `fit`, \
            `val_dataloader` for `validate`, `test_dataloader` for `test`, `predict_dataloader` \
            for `predict`",
    note = "C5 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait HasOwnLoader {}

impl<L> HasOwnLoader for Has<L> {}
