//! What `include_hparams!` names: a module or a data module.

use std::marker::PhantomData;

use super::ConfigFile;
use crate::{
    cli::about,
    data::DataStruct,
    error::{Error, Result},
    module::{FieldDef, Hparams, LightningStruct},
    params::from_json,
};

/// The module or data module whose hyperparameters a file has. The inherent items are those of a
/// module, and take precedence over those of [`DataTarget`].
#[derive(Debug)]
pub struct Target<T>(PhantomData<T>);

impl<M: LightningStruct> Target<M> {
    /// The fields of the module.
    pub const FIELDS: &'static [FieldDef] = M::FIELDS;

    /// Reads the hyperparameters.
    ///
    /// # Errors
    /// If a value does not fit a type of the program's own.
    pub fn hparams(file: ConfigFile) -> Result<M::Hparams> {
        read(file, M::FIELDS)
    }
}

/// The items of a data module.
pub trait DataTarget {
    /// The hyperparameters.
    type Hparams;
    /// The fields of the data module.
    const FIELDS: &'static [FieldDef];

    /// Reads the hyperparameters.
    ///
    /// # Errors
    /// If a value does not fit a type of the program's own.
    fn hparams(file: ConfigFile) -> Result<Self::Hparams>;
}

impl<D: DataStruct> DataTarget for Target<D> {
    type Hparams = D::Hparams;
    const FIELDS: &'static [FieldDef] = D::FIELDS;

    fn hparams(file: ConfigFile) -> Result<D::Hparams> {
        read(file, D::FIELDS)
    }
}

fn read<H: Hparams>(file: ConfigFile, fields: &[FieldDef]) -> Result<H> {
    let shape = about::hparams::<H>(fields, None);
    let value = file.table(&shape).map_err(|problems| Error::config(problems.to_string()))?;
    from_json(&value).map_err(|error| Error::config(format!("`{}` cannot be read: {error}", file.name())))
}
