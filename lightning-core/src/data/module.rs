//! Data modules: everything about the data of an experiment in one place.

use serde_json::Value;

use super::{DataLoader, FromLoader};
use crate::{
    batch::Batch,
    error::{Error, Result},
    module::{FieldDef, Hparams},
    params::{StateReader, StateWriter},
    stage::Stage,
};

/// The struct of a data module. Implemented by `#[data_module]` on the struct.
#[diagnostic::on_unimplemented(
    message = "the struct `{Self}` needs `#[data_module]`",
    label = "the struct has no `#[data_module]`",
    note = "write `#[data_module]` on `struct {Self}` and on its impl",
    note = "C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait DataStruct: 'static {
    /// The hyperparameters.
    type Hparams: Hparams;

    /// The struct's name.
    const NAME: &'static str;

    /// Every field, in order.
    const FIELDS: &'static [FieldDef];

    /// The current hyperparameters.
    fn hparams(&self) -> Self::Hparams;

    /// Creates the data module.
    #[doc(hidden)]
    fn __lightning_new(hparams: Self::Hparams) -> Self
    where
        Self: Sized;

    /// Writes the `#[state]` fields.
    ///
    /// # Errors
    /// If a field cannot be written as JSON, with its name.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Reads the `#[state]` fields. A field that is not stored keeps its value.
    ///
    /// # Errors
    /// If a stored field has another type, with its name.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }
}

/// The type of a loader that a data module does not have.
#[derive(Clone, Copy, Debug)]
pub struct NoLoader;

/// The type of a loader that a data module has.
#[derive(Clone, Debug)]
pub struct Has<L>(#[doc(hidden)] pub L);

/// A data module: the loaders of an experiment and the hooks that prepare their data.
///
/// Implemented by `#[data_module]` on the impl. Loader methods that are not written return
/// [`NoLoader`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a data module",
    label = "no `#[data_module] impl` for this type",
    note = "write `#[data_module]` on the struct and on the impl with its loaders, or pass loaders",
    note = "C17 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait DataModule: Sized + 'static {
    /// The struct's part. It is required at one place, so that a missing attribute is one error.
    #[doc(hidden)]
    fn __lightning_declared() -> DataParts<Self>;

    /// The data module itself; unknown if it has two impls, which is reported otherwise.
    #[doc(hidden)]
    type This;

    /// `Has<loader>` or `NoLoader`.
    type Train;
    /// `Has<loader>` or `NoLoader`.
    type Val;
    /// `Has<loader>` or `NoLoader`.
    type Test;
    /// `Has<loader>` or `NoLoader`.
    type Predict;

    /// The struct's name.
    #[doc(hidden)]
    fn __lightning_name() -> &'static str {
        Self::__lightning_declared().name
    }

    /// The hyperparameters as a JSON object. They are logged and stored together with those of the
    /// module.
    ///
    /// # Errors
    /// If one cannot be written as JSON.
    fn hparams_value(&self) -> Result<Value> {
        (Self::__lightning_declared().hparams)(self)
    }

    /// Writes the `#[state]` fields to a checkpoint.
    ///
    /// # Errors
    /// If a field cannot be written as JSON, with its name.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        (Self::__lightning_declared().save_state)(self, state)
    }

    /// Reads the `#[state]` fields of a checkpoint. A field that is not stored keeps its value.
    ///
    /// # Errors
    /// If a stored field has another type, with its name.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        (Self::__lightning_declared().load_state)(self, state)
    }

    /// Prepares the data on this machine: downloads and unpacks it. Each of the trainer's methods
    /// calls it once, before `setup`.
    ///
    /// # Errors
    /// Those of the method.
    fn prepare_data(&mut self) -> Result<()> {
        Ok(())
    }

    /// Runs before a stage.
    ///
    /// # Errors
    /// Those of the method.
    fn setup(&mut self, stage: Stage) -> Result<()> {
        let _ = stage;
        Ok(())
    }

    /// Runs after a stage, also after an error.
    ///
    /// # Errors
    /// Those of the method.
    fn teardown(&mut self, stage: Stage) -> Result<()> {
        let _ = stage;
        Ok(())
    }

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

/// The struct of a data module as functions. A bound in their place would be reported a second
/// time.
#[doc(hidden)]
#[derive(Debug)]
pub struct DataParts<D> {
    name: &'static str,
    hparams: fn(&D) -> Result<Value>,
    save_state: fn(&D, &mut StateWriter) -> Result<()>,
    load_state: fn(&mut D, &StateReader<'_>) -> Result<()>,
}

impl<D: DataStruct> DataParts<D> {
    pub(crate) fn of_struct() -> Self {
        Self {
            name: D::NAME,
            hparams: |data| crate::module::hparams_value(&data.hparams()),
            save_state: D::save_state,
            load_state: D::load_state,
        }
    }
}

/// Merges the hyperparameters of a module and of its data module into one object.
///
/// # Errors
/// If both have a hyperparameter of the same name with different values.
pub(crate) fn merge_hparams(mut module: Value, data: Option<Value>) -> Result<Value> {
    let (Some(all), Some(Value::Object(data))) = (module.as_object_mut(), data) else { return Ok(module) };
    for (name, value) in data {
        match all.get(&name) {
            Some(own) if *own != value => {
                let message = format!(
                    "the hyperparameter `{name}` must be equal in the module and the data module, found {own} and {value}"
                );
                return Err(Error::config(message).help("set both to the same value, or rename one of them"));
            }
            _ => all.insert(name, value),
        };
    }
    Ok(module)
}

/// The return type of a `*_dataloader` method: a loader, a list of loaders, or a `Result` of them.
#[diagnostic::on_unimplemented(
    message = "a loader method must return a loader, found `{Self}`",
    label = "expected `DataLoader<B>` or `Result<DataLoader<B>>`",
    note = "build it with `DataLoader::builder(dataset)…build()`, or wrap an iterator with `from_loader(x)`",
    note = "a stage without data needs no loader method",
    note = "C4 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait LoaderOutput {
    /// The loader's type.
    type Loader;
    /// The loader.
    #[doc(hidden)]
    fn into_loader(self) -> Result<Self::Loader>;
}

impl<L: LoaderOutput, E: Into<Error>> LoaderOutput for Result<L, E> {
    type Loader = L::Loader;

    fn into_loader(self) -> Result<L::Loader> {
        self.map_err(Into::into)?.into_loader()
    }
}

/// The elements of a list that a `*_dataloader` method returns: batches, or loaders with or without
/// names.
#[diagnostic::on_unimplemented(
    message = "a list must contain loaders or batches, found `{Self}`",
    label = "not a batch or a loader",
    note = "a list of loaders is a `Vec<DataLoader<B>>`, or a `Vec<(String, DataLoader<B>)>` with names",
    note = "a list of batches is also a loader: write `#[derive(Batch)]` on the batch type",
    note = "C5 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait LoaderItem {}

#[diagnostic::do_not_recommend]
impl<B: Batch> LoaderItem for B {}
impl<B> LoaderItem for DataLoader<B> {}
impl<I> LoaderItem for FromLoader<I> {}
impl<B> LoaderItem for (String, DataLoader<B>) {}
impl<I> LoaderItem for (String, FromLoader<I>) {}
impl<B> LoaderItem for (&'static str, DataLoader<B>) {}
impl<I> LoaderItem for (&'static str, FromLoader<I>) {}

macro_rules! loader_outputs {
    ($([$($generics:tt)*] $loader:ty),* $(,)?) => {
        $(impl<$($generics)*> LoaderOutput for $loader {
            type Loader = Self;

            fn into_loader(self) -> Result<Self> {
                Ok(self)
            }
        })*
    };
}

loader_outputs!([B] DataLoader<B>, [I] FromLoader<I>, [L: LoaderItem] Vec<L>, [L: LoaderItem, const N: usize] [L; N]);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hyperparameters_of_both() {
        let module = json!({"lr": 0.1, "batch_size": 64});
        let merged = merge_hparams(module.clone(), Some(json!({"batch_size": 64, "dir": "data"}))).unwrap();
        assert_eq!(merged, json!({"lr": 0.1, "batch_size": 64, "dir": "data"}));
        assert_eq!(merge_hparams(module.clone(), None).unwrap(), module);
        let error = merge_hparams(module, Some(json!({"batch_size": 32}))).unwrap_err();
        assert_eq!(
            error.message(),
            "the hyperparameter `batch_size` must be equal in the module and the data module, found 64 and 32"
        );
    }
}
