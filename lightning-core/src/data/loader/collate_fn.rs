//! How a loader makes a batch of its items.

use burn::tensor::TensorData;

use super::FromItems;
use crate::error::{Error, Result};

/// A function that makes a batch `B` of items. Implemented for every `Fn(Vec<Item>) -> Result<B>`.
#[diagnostic::on_unimplemented(
    message = "this loader cannot build a `{B}` from its items",
    label = "`collate` is missing",
    note = "write `.collate(|items: Vec<{Item}>| …)` before `.build()`, or \
            `DataLoader::from_batches` for complete batches",
    note = "C7 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait Collate<Item, B>: Send + Sync + 'static {
    /// Makes the batch.
    ///
    /// # Errors
    /// If the items do not fit together.
    fn collate(&self, items: Vec<Item>) -> Result<B>;

    /// The number of columns of the batch, if it can be made of columns.
    #[doc(hidden)]
    fn columns(&self) -> Option<usize> {
        None
    }

    /// Makes the batch of that number of columns.
    #[doc(hidden)]
    fn collate_columns(&self, columns: Vec<TensorData>) -> Result<B> {
        let _ = columns;
        Err(Error::data("this batch type cannot be built from columns"))
    }
}

impl<Item, B, F: Fn(Vec<Item>) -> Result<B> + Send + Sync + 'static> Collate<Item, B> for F {
    fn collate(&self, items: Vec<Item>) -> Result<B> {
        self(items)
    }
}

/// The state of a [`DataLoaderBuilder`](crate::data::DataLoaderBuilder) without `collate`: batches
/// are made by [`FromItems`].
#[derive(Clone, Copy, Debug)]
pub struct NoCollate;

impl<Item, B: FromItems<Item>> Collate<Item, B> for NoCollate {
    fn collate(&self, items: Vec<Item>) -> Result<B> {
        B::from_items(items)
    }

    fn columns(&self) -> Option<usize> {
        B::COLUMNS
    }

    fn collate_columns(&self, columns: Vec<TensorData>) -> Result<B> {
        B::from_columns(&mut columns.into_iter())
    }
}
