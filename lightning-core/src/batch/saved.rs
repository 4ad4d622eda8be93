//! Batches in a file: what [`Trainer::replay`](crate::Trainer::replay) reads, and what the audit of
//! the first step looks at.

use std::{marker::PhantomData, ops::Range};

use burn::tensor::{Device, Tensor, TensorData, kind::Basic};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{dims::BatchDims, hollow::HollowTensors};
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
    tensors: Source<'a>,
    device: &'a Device,
}

/// Where the tensors of a [`BatchReader`] come from.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Stored(&'a StoredTensors),
    /// Shapes without values.
    Hollow(&'a HollowTensors),
    /// Those of a batch, of which only some samples are read.
    Rows(Rows<'a>),
}

/// Some samples of a batch.
#[derive(Clone, Copy, Debug)]
struct Rows<'a> {
    tensors: &'a [BatchTensor],
    start: usize,
    end: usize,
    /// The samples of the whole batch.
    samples: usize,
}

impl<'a> BatchReader<'a> {
    pub(crate) fn new(values: &'a Map<String, Value>, tensors: &'a StoredTensors, device: &'a Device) -> Self {
        Self::of(values, Source::Stored(tensors), device)
    }

    pub(crate) fn device(&self) -> &'a Device {
        self.device
    }

    fn of(values: &'a Map<String, Value>, tensors: Source<'a>, device: &'a Device) -> Self {
        Self { values, tensors, device }
    }

    /// Reads some of the samples of a batch: the rows of each tensor whose first dimension is the batch
    /// size, and the members of each list of that length. Everything else is read whole.
    pub(crate) fn rows(batch: &'a BatchWriter, rows: Range<usize>, samples: usize, device: &'a Device) -> Self {
        let Range { start, end } = rows;
        let tensors = Source::Rows(Rows { tensors: &batch.tensors, start, end, samples });
        Self::of(&batch.values, tensors, device)
    }

    /// Reads tensors without values, and the host values of an example.
    pub(crate) fn hollow(values: &'a Map<String, Value>, tensors: &'a HollowTensors, device: &'a Device) -> Self {
        Self::of(values, Source::Hollow(tensors), device)
    }

    pub(crate) fn tensor<const D: usize, K: Basic>(&self, name: &str) -> Result<Tensor<D, K>> {
        let stored = match self.tensors {
            Source::Stored(stored) => stored,
            Source::Hollow(hollow) => return hollow.tensor(name, self.device),
            Source::Rows(rows) => return rows.tensor(name),
        };
        let data: TensorData = stored.get(name).cloned().ok_or_else(|| missing(name))?;
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
        if let (Source::Rows(rows), Value::Array(items)) = (self.tensors, value)
            && items.len() == rows.samples
        {
            let items = items.get(rows.start..rows.end).unwrap_or_default().to_vec();
            return T::deserialize(Value::Array(items)).map_err(|source| mistyped(name).caused_by(source));
        }
        T::deserialize(value).map_err(|source| mistyped(name).caused_by(source))
    }

    pub(crate) fn number(&self, name: &str) -> Result<f64> {
        let value = self.values.get(name).ok_or_else(|| missing(name))?;
        f64_from_json(value).ok_or_else(|| mistyped(name))
    }

    /// Returns the number of members of a list or a map.
    pub(crate) fn len(&self, name: &str) -> Result<usize> {
        self.value(&format!("{name}.len"))
    }

    /// Whether it reads some of the samples of a batch that is in use.
    pub(crate) fn is_part(&self) -> bool {
        matches!(self.tensors, Source::Rows(_))
    }

    /// Returns the names of the members of a list.
    pub(crate) fn members(&self, name: &str) -> Result<impl Iterator<Item = String>> {
        let len = self.len(name)?;
        let range = match self.tensors {
            Source::Rows(rows) if rows.divides_list(name, len) => rows.start..rows.end,
            _ => 0..len,
        };
        Ok(range.map(move |index| format!("{name}.{index}")))
    }

    /// The name of the part that the parameter `name` of a step takes, which is number `index` of
    /// `count`: the field of its name, the member of a tuple, or all of the example.
    pub(crate) fn part_of(&self, name: &str, index: usize, count: usize) -> String {
        let (own, member) = (format!("batch.{name}"), format!("batch.{index}"));
        if self.has(&own) {
            return own;
        }
        let part = match count {
            1 => "batch".to_owned(),
            _ if self.has(&member) => member,
            _ => return own,
        };
        if let Source::Hollow(hollow) = self.tensors {
            hollow.taken(&part, own);
        }
        part
    }

    /// Returns whether there is a tensor with this name, or below it.
    fn has(&self, part: &str) -> bool {
        let is_below =
            |name: &str| name.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        match self.tensors {
            Source::Stored(stored) => stored.keys().any(|name| is_below(name)),
            Source::Hollow(hollow) => hollow.names().any(is_below),
            Source::Rows(rows) => rows.names().any(is_below),
        }
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

impl Rows<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|tensor| tensor.name.as_str())
    }

    /// The rows of a tensor.
    fn tensor<const D: usize, K: Basic>(&self, name: &str) -> Result<Tensor<D, K>> {
        let found = self.tensors.iter().find(|tensor| tensor.name == name).ok_or_else(|| missing(name))?;
        let dims = found.handle.dims();
        let Some(whole) = found.handle.clone().into_tensor::<D, K>() else { return Err(mistyped(name)) };
        if dims.first() == Some(&self.samples) && !(self.start == 0 && self.end == self.samples) {
            return Ok(whole.slice_dim(0, self.start..self.end));
        }
        Ok(whole)
    }

    /// Whether a list has a member for each sample: its length is the batch size, and its tensors are not
    /// inputs of the whole batch.
    fn divides_list(&self, name: &str, len: usize) -> bool {
        let is_member =
            |tensor: &&BatchTensor| tensor.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let of_whole = |tensor: &BatchTensor| tensor.handle.dims().first() == Some(&self.samples);
        len == self.samples && !self.tensors.iter().filter(is_member).any(of_whole)
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
