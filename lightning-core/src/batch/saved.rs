//! Batches in a file: what [`Trainer::replay`](crate::Trainer::replay) reads, and what the audit of
//! the first step looks at.

use std::marker::PhantomData;

use burn::tensor::{Device, Tensor, TensorData, kind::Basic};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::dims::BatchDims;
use crate::{
    error::{Error, ErrorKind, Result},
    params::state::{StoredTensors, f64_from_json, f64_to_json},
    tensor::handle::Handle,
};

/// Collects the tensors and the host values of a batch.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct BatchWriter {
    pub(crate) tensors: Vec<BatchTensor>,
    pub(crate) values: Map<String, Value>,
    /// What cannot be saved: each the name and the type.
    pub(crate) refused: Vec<String>,
    /// Whether a field is marked `#[batch(size)]`.
    pub(crate) declares_size: bool,
    /// The number of lists that are being written.
    lists: usize,
    /// The shapes found, if fields are compared with `#[dims]` and not written.
    pub(super) dims: Option<BatchDims>,
}

/// A tensor of a batch.
#[derive(Clone, Debug)]
pub(crate) struct BatchTensor {
    pub(crate) name: String,
    pub(crate) handle: Handle,
    /// Whether it is in a list or a map, whose members may have different sizes.
    pub(crate) in_list: bool,
}

impl BatchWriter {
    pub(crate) fn tensor(&mut self, name: &str, handle: Handle) {
        if self.dims.is_some() {
            return;
        }
        self.tensors.push(BatchTensor { name: name.to_owned(), handle, in_list: self.lists > 0 });
    }

    /// Adds serde data.
    pub(crate) fn value<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if self.dims.is_some() {
            return;
        }
        match serde_json::to_value(value) {
            Ok(value) => {
                self.values.insert(name.to_owned(), value);
            }
            Err(_) => self.refuse::<&T>(name),
        }
    }

    /// Adds a number that may be infinite or NaN.
    pub(crate) fn number(&mut self, name: &str, value: f64) {
        if self.dims.is_none() {
            self.values.insert(name.to_owned(), f64_to_json(value));
        }
    }

    /// Notes a part that cannot be saved.
    pub fn refuse<T>(&mut self, name: &str) {
        if self.dims.is_some() {
            return;
        }
        self.refused.push(format!("`{name}` of type `{}`", std::any::type_name::<T>()));
    }

    /// Adds the variant of an enum.
    pub fn variant(&mut self, name: &str, variant: &str) {
        self.value(&format!("{name}.variant"), variant);
    }

    /// Notes that the program says which field defines the batch size.
    pub fn size_is_declared(&mut self) {
        self.declares_size = true;
    }

    /// Adds a list with a number of members.
    pub(crate) fn list(&mut self, name: &str, len: usize, members: impl FnOnce(&mut Self)) {
        self.value(&format!("{name}.len"), &len);
        self.lists += 1;
        members(self);
        self.lists -= 1;
    }
}

/// Reads what a [`BatchWriter`] collected.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct BatchReader<'a> {
    values: &'a Map<String, Value>,
    tensors: &'a StoredTensors,
    device: &'a Device,
}

impl<'a> BatchReader<'a> {
    pub(crate) fn new(values: &'a Map<String, Value>, tensors: &'a StoredTensors, device: &'a Device) -> Self {
        Self { values, tensors, device }
    }

    pub(crate) fn tensor<const D: usize, K: Basic>(&self, name: &str) -> Result<Tensor<D, K>> {
        let data: TensorData = self.tensors.get(name).cloned().ok_or_else(|| missing(name))?;
        let rank = data.shape().as_slice().len();
        if rank != D {
            return Err(Error::new(
                ErrorKind::Checkpoint,
                format!("the tensor `{name}` of the saved batch must have rank {D}, found {rank}"),
            ));
        }
        let dtype = data.dtype();
        Ok(match dtype.is_bool() {
            // Each backend stores booleans in a type of its own.
            true => Tensor::from_data(data, self.device),
            false => Tensor::from_data(data, (self.device, dtype)),
        })
    }

    pub(crate) fn value<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let value = self.values.get(name).ok_or_else(|| missing(name))?;
        T::deserialize(value).map_err(|source| mistyped(name).caused_by(source))
    }

    pub(crate) fn number(&self, name: &str) -> Result<f64> {
        let value = self.values.get(name).ok_or_else(|| missing(name))?;
        f64_from_json(value).ok_or_else(|| mistyped(name))
    }

    /// Returns the number of members of a list.
    pub(crate) fn len(&self, name: &str) -> Result<usize> {
        self.value(&format!("{name}.len"))
    }

    /// Returns the variant of an enum.
    ///
    /// # Errors
    /// If it is not stored.
    pub fn variant(&self, name: &str) -> Result<String> {
        self.value(&format!("{name}.variant"))
    }

    /// The error of a part that cannot be saved.
    pub fn refuse<T>(&self, name: &str) -> Error {
        Error::new(
            ErrorKind::Checkpoint,
            format!("`{name}` of type `{}` cannot be part of a saved batch", std::any::type_name::<T>()),
        )
        .help("derive `Batch` for it, or `Serialize` and `Deserialize` if it is marked `#[batch(host)]`")
    }
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::Checkpoint, format!("the saved batch must have `{name}`, found nothing"))
        .help("replay the step with the program that saved it")
}

fn mistyped(name: &str) -> Error {
    Error::new(ErrorKind::Checkpoint, format!("`{name}` of the saved batch has another type"))
        .help("replay the step with the program that saved it")
}

/// Saves a field marked `#[batch(host)]`: with serde if its type implements it, and not at all
/// otherwise. Generated code calls `(&HostField::<T>::new()).save_host(…)`, for which rustc prefers
/// [`SavesHost`], since it needs one reference less than [`RefusesHost`].
#[doc(hidden)]
#[derive(Debug)]
pub struct HostField<T>(PhantomData<fn() -> T>);

impl<T> HostField<T> {
    /// Creates it.
    #[expect(clippy::new_without_default, reason = "only generated code calls it")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// A host field that serde saves.
#[doc(hidden)]
pub trait SavesHost<T> {
    /// Saves the field.
    fn save_host(&self, value: &T, name: &str, out: &mut BatchWriter);
    /// Reads the field.
    ///
    /// # Errors
    /// If it is not stored, or has another type.
    fn load_host(&self, name: &str, from: &BatchReader<'_>) -> Result<T>;
}

impl<T: Serialize + DeserializeOwned> SavesHost<T> for HostField<T> {
    fn save_host(&self, value: &T, name: &str, out: &mut BatchWriter) {
        out.value(name, value);
    }

    fn load_host(&self, name: &str, from: &BatchReader<'_>) -> Result<T> {
        from.value(name)
    }
}

/// A host field that cannot be saved.
#[doc(hidden)]
pub trait RefusesHost<T> {
    /// Notes the field.
    fn save_host(&self, value: &T, name: &str, out: &mut BatchWriter);
    /// Returns the error.
    ///
    /// # Errors
    /// Always.
    fn load_host(&self, name: &str, from: &BatchReader<'_>) -> Result<T>;
}

impl<T> RefusesHost<T> for &HostField<T> {
    fn save_host(&self, _value: &T, name: &str, out: &mut BatchWriter) {
        out.refuse::<T>(name);
    }

    fn load_host(&self, name: &str, from: &BatchReader<'_>) -> Result<T> {
        Err(from.refuse::<T>(name))
    }
}
