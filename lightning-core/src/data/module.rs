//! Data modules: everything about the data of an experiment in one place.

use serde_json::Value;

use super::{DataLoader, FromLoader};
use crate::{
    checkpoint,
    data::batch::Batch,
    error::{Error, Result},
    module::{FieldDef, Hparams},
    params::state::{StateReader, StateWriter},
    stage::Stage,
};

/// The struct's half of a data module. Implemented by `#[data_module]` on the struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as a data module",
    label = "the struct has no `#[data_module]`",
    note = "write `#[data_module]` on `struct {Self}` as well as on its impl"
)]
pub trait DataStruct: 'static {
    /// The hyperparameters.
    type Hparams: Hparams;

    /// The struct's name.
    const NAME: &'static str;

    /// Every field, in order.
    const FIELDS: &'static [FieldDef];

    /// The hyperparameters as the fields hold them now.
    fn hparams(&self) -> Self::Hparams;

    /// Writes the saved state fields.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// Reads the saved state fields.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let _ = state;
        Ok(())
    }
}

/// The absence of a loader, as a type.
#[derive(Clone, Copy, Debug)]
pub struct NoLoader;

/// The presence of a loader, as a type.
#[derive(Clone, Debug)]
pub struct Has<L>(#[doc(hidden)] pub L);

/// The impl's half of a data module. Implemented by `#[data_module]` on the impl.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a data module",
    label = "no `#[data_module] impl` for this type",
    note = "write `#[data_module]` on the struct and on the impl with its loaders, or pass loaders"
)]
pub trait DataModule: Sized + 'static {
    /// The struct's half, asked for at one place.
    #[doc(hidden)]
    fn __lightning_declared() -> DataParts<Self>;

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

    /// The hyperparameters as a JSON object. They are written beside the module's.
    ///
    /// # Errors
    /// When one cannot be written as JSON.
    fn hparams_value(&self) -> Result<Value> {
        (Self::__lightning_declared().hparams)(self)
    }

    /// Writes the `#[state]` fields, for a checkpoint.
    ///
    /// # Errors
    /// When a field cannot be written as JSON, with its name.
    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        (Self::__lightning_declared().save_state)(self, state)
    }

    /// Reads the `#[state]` fields of a checkpoint; a field that is not stored stays as it is.
    ///
    /// # Errors
    /// When a stored field has another type, with its name.
    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        (Self::__lightning_declared().load_state)(self, state)
    }

    /// Makes the data ready on this machine: downloads, unpacks. Called once by every entry point
    /// of the trainer, before `setup`.
    fn prepare_data(&mut self) -> Result<()> {
        Ok(())
    }

    /// Before a stage.
    fn setup(&mut self, stage: Stage) -> Result<()> {
        let _ = stage;
        Ok(())
    }

    /// After a stage, also after an error.
    fn teardown(&mut self, stage: Stage) -> Result<()> {
        let _ = stage;
        Ok(())
    }

    /// The training loader.
    fn train_dataloader(&mut self) -> Result<Self::Train>;
    /// The validation loader.
    fn val_dataloader(&mut self) -> Result<Self::Val>;
    /// The test loader.
    fn test_dataloader(&mut self) -> Result<Self::Test>;
    /// The prediction loader.
    fn predict_dataloader(&mut self) -> Result<Self::Predict>;
}

/// What a data module's impl knows of its struct, without a bound that would be reported twice.
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
            hparams: |data| checkpoint::hparams_value(&data.hparams()),
            save_state: D::save_state,
            load_state: D::load_state,
        }
    }
}

/// The hyperparameters of a module and of its data module as one object.
///
/// # Errors
/// When both have one of a name with different values: a reader of the log could not tell which it
/// is.
pub(crate) fn merge_hparams(mut module: Value, data: Option<Value>) -> Result<Value> {
    let (Some(all), Some(Value::Object(data))) = (module.as_object_mut(), data) else { return Ok(module) };
    for (name, value) in data {
        match all.get(&name) {
            Some(own) if *own != value => {
                let message =
                    format!("the hyperparameter `{name}` is {own} in the module and {value} in the data module");
                return Err(Error::config(message).help("give both one value, or rename one of them"));
            }
            _ => all.insert(name, value),
        };
    }
    Ok(module)
}

/// What a `*_dataloader` method may return.
#[diagnostic::on_unimplemented(
    message = "a loader method cannot return `{Self}`",
    label = "expected `DataLoader<B>` or `Result<DataLoader<B>>`",
    note = "build it with `DataLoader::builder(dataset)…build()`, or wrap any iterator with `from_loader(x)`"
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

/// What stands in the list that a `*_dataloader` method returns: batches, or loaders with or
/// without names.
#[diagnostic::on_unimplemented(
    message = "a loader method cannot return a list of `{Self}`",
    label = "neither a batch nor a loader",
    note = "a list of loaders is a `Vec<DataLoader<B>>`, or a `Vec<(String, DataLoader<B>)>` with names",
    note = "a list of batches is a loader too: write `#[derive(Batch)]` on the batch's type"
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
        assert_eq!(error.message(), "the hyperparameter `batch_size` is 64 in the module and 32 in the data module");
    }
}
