//! Data modules: everything about the data of an experiment in one place.

use super::{DataLoader, FromLoader};
use crate::{
    checkpoint::{hparams_value, metadata::DataRecord},
    error::{Error, Result},
    module::Hparams,
    resume::{compare, flat},
    stage::Stage,
    state::{StateReader, StateWriter},
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

/// What a checkpoint does with a data module.
#[doc(hidden)]
pub struct DataHooks<D> {
    pub(crate) record: fn(&D) -> Result<DataRecord>,
    pub(crate) restore: fn(&mut D, &DataRecord, &mut Vec<String>) -> Result<()>,
}

impl<D> std::fmt::Debug for DataHooks<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataHooks")
    }
}

impl<D: DataStruct> DataHooks<D> {
    pub(crate) const fn new() -> Self {
        Self { record: record::<D>, restore: restore::<D> }
    }
}

fn record<D: DataStruct>(data: &D) -> Result<DataRecord> {
    let mut state = StateWriter::default();
    data.save_state(&mut state)?;
    Ok(DataRecord { name: D::NAME.to_owned(), hparams: hparams_value(&data.hparams())?, state: state.finish() })
}

fn restore<D: DataStruct>(data: &mut D, stored: &DataRecord, differences: &mut Vec<String>) -> Result<()> {
    if stored.name != D::NAME {
        differences.push(format!("the data was that of `{}`, and is that of `{}`", stored.name, D::NAME));
        return Ok(());
    }
    compare("data hyperparameter", &flat(&stored.hparams), &flat(&hparams_value(&data.hparams())?), differences);
    data.load_state(&StateReader::new(&stored.state))
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
    /// Asks for the struct's half, at one place.
    #[doc(hidden)]
    fn __lightning_declared() -> DataHooks<Self>;

    /// `Has<loader>` or `NoLoader`.
    type Train;
    /// `Has<loader>` or `NoLoader`.
    type Val;
    /// `Has<loader>` or `NoLoader`.
    type Test;
    /// `Has<loader>` or `NoLoader`.
    type Predict;

    /// Makes the data ready on this machine.
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

impl<L, E: Into<Error>> LoaderOutput for Result<L, E> {
    type Loader = L;

    fn into_loader(self) -> Result<L> {
        self.map_err(Into::into)
    }
}

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

loader_outputs!([B] DataLoader<B>, [I] FromLoader<I>, [L] Vec<L>, [L, const N: usize] [L; N]);
