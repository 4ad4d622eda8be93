//! Saves and restores the states of modules, data modules and callbacks.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ParamId},
    tensor::{
        Tensor, TensorData,
        kind::{Basic, BridgeTensor},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    json::{from_json, not_finite, to_json, with_null_hint},
    map::{DynMapper, MapMode, ValueMapper},
    visit::{ErasedVisitor, FloatParam, visit},
};
use crate::{
    error::{Error, ErrorKind, Result},
    tensor::handle::{Handle, with_data},
};

/// Collects a state for a checkpoint, by name: serde data, tensors and the parameters of Burn
/// modules.
///
/// ```
/// use lightning_core::{StateReader, StateWriter};
///
/// let mut writer = StateWriter::default();
/// writer.put("seen", &12_u64)?;
/// let value = writer.finish();
///
/// let mut seen = 0_u64;
/// StateReader::new(&value).get("seen", &mut seen)?;
/// assert_eq!(seen, 12);
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct StateWriter {
    fields: Map<String, Value>,
    tensors: Vec<(String, Handle)>,
}

impl StateWriter {
    /// Adds serde data. NaN and infinity are read back as they were, unlike those of a
    /// `serde_json::Value`, which cannot hold them.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, with the name of the field.
    pub fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        let value = to_json(value).map_err(|source| {
            Error::new(ErrorKind::Checkpoint, format!("the state field `{name}` cannot be written as JSON"))
                .caused_by(source)
                .help("write `#[state(skip)]` on the field if it does not need to be saved")
        })?;
        self.fields.insert(name.to_owned(), value);
        Ok(())
    }

    /// Adds a number that may be infinite or NaN, which JSON numbers cannot be.
    pub fn put_number(&mut self, name: &str, value: f64) {
        self.fields.insert(name.to_owned(), f64_to_json(value));
    }

    /// Adds a tensor. It is not copied before the file is written.
    pub fn put_tensor<const D: usize, K: Basic>(&mut self, name: &str, tensor: &Tensor<D, K>) {
        self.tensors.push((name.to_owned(), Handle::other(tensor.clone())));
    }

    /// Adds every parameter and running statistic of a Burn module, under `name.<path>`.
    ///
    /// # Errors
    /// If the module cannot be visited.
    pub fn put_module<M: Module>(&mut self, name: &str, module: &M) -> Result<()> {
        struct Collect<'a>(&'a str, &'a mut Vec<(String, Handle)>);

        impl ErasedVisitor for Collect<'_> {
            fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
                self.1.push((format!("{}.{path}", self.0), param.handle()));
                Ok(())
            }

            fn other(&mut self, path: &str, handle: &dyn Fn() -> Handle) -> Result<()> {
                self.1.push((format!("{}.{path}", self.0), handle()));
                Ok(())
            }
        }

        // `valid()`, since BatchNorm defers the last update of its running statistics until then.
        visit(&module.valid(), &mut Collect(name, &mut self.tensors))
    }

    /// Returns whether nothing has been added.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.tensors.is_empty()
    }

    /// Returns the serde data as one JSON object.
    pub fn finish(self) -> Value {
        Value::Object(self.fields)
    }

    /// Returns the serde data and the tensors.
    pub(crate) fn into_parts(self) -> (Value, Vec<(String, Handle)>) {
        (Value::Object(self.fields), self.tensors)
    }
}

/// The type of a `#[state]` field: any type that serde can serialize and deserialize.
#[diagnostic::on_unimplemented(
    message = "the type of a `#[state]` field must implement `Serialize` and `Deserialize`, found `{Self}`",
    label = "cannot be saved in a checkpoint",
    note = "write `#[derive(Serialize, Deserialize)]` on `{Self}`, from serde",
    note = "or write `#[state(skip)]` on the field, which then starts as its `Default` in each run",
    note = "C14 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait StateValue {
    /// Saves the value.
    #[doc(hidden)]
    fn save(&self, name: &str, state: &mut StateWriter) -> Result<()>;
    /// Restores the value.
    #[doc(hidden)]
    fn load(&mut self, name: &str, state: &StateReader<'_>) -> Result<()>;
}

// The message above names both traits; without this the compiler would name only one of them.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> StateValue for T {
    fn save(&self, name: &str, state: &mut StateWriter) -> Result<()> {
        state.put(name, self)
    }

    fn load(&mut self, name: &str, state: &StateReader<'_>) -> Result<()> {
        state.get(name, self)
    }
}

/// The tensors of a reader, by name.
pub(crate) type StoredTensors = BTreeMap<String, TensorData>;

/// Reads the state that a [`StateWriter`] collected, by name.
#[derive(Clone, Copy, Debug)]
pub struct StateReader<'a> {
    fields: Option<&'a Map<String, Value>>,
    tensors: Option<&'a StoredTensors>,
}

impl<'a> StateReader<'a> {
    /// Reads from an object that [`StateWriter::finish`] returned, which has no tensors.
    pub fn new(value: &'a Value) -> Self {
        Self { fields: value.as_object(), tensors: None }
    }

    pub(crate) fn with_tensors(value: &'a Value, tensors: &'a StoredTensors) -> Self {
        Self { fields: value.as_object(), tensors: Some(tensors) }
    }

    /// Replaces `target` by the stored field. It is unchanged if the field is not stored.
    ///
    /// # Errors
    /// If the stored value has another type.
    pub fn get<T: DeserializeOwned>(&self, name: &str, target: &mut T) -> Result<()> {
        if let Some(value) = self.fields.and_then(|fields| fields.get(name)) {
            *target = from_json(value).map_err(|source| with_null_hint(mistyped(name).caused_by(source), value))?;
        }
        Ok(())
    }

    /// Replaces `target` by the stored number. It is unchanged if the number is not stored.
    ///
    /// # Errors
    /// If the stored value is not a number.
    pub fn get_number(&self, name: &str, target: &mut f64) -> Result<()> {
        if let Some(value) = self.fields.and_then(|fields| fields.get(name)) {
            *target = f64_from_json(value).ok_or_else(|| mistyped(name))?;
        }
        Ok(())
    }

    /// Replaces `target` by the stored tensor, on the device and in the type of `target`. It is
    /// unchanged if the tensor is not stored.
    ///
    /// # Errors
    /// If the stored tensor has another shape.
    pub fn get_tensor<const D: usize, K: Basic>(&self, name: &str, target: &mut Tensor<D, K>) -> Result<()> {
        if let Some(data) = self.tensors.and_then(|tensors| tensors.get(name)) {
            check_shape(name, data, target.dims().as_slice())?;
            let value = with_data(target.clone().into_bridge(), data.clone());
            *target = Tensor::from_bridge(value);
        }
        Ok(())
    }

    /// Returns the tensors whose names start with `prefix`, under the rest of their names.
    pub(crate) fn tensors_below(&self, prefix: &str) -> StoredTensors {
        let all = self.tensors.into_iter().flatten();
        all.filter_map(|(name, data)| Some((name.strip_prefix(prefix)?.to_owned(), data.clone()))).collect()
    }

    /// Replaces every parameter of a Burn module by the one stored under `name.<path>`. A parameter
    /// that is not stored is unchanged.
    ///
    /// # Errors
    /// If a stored parameter has another shape; the module is then unchanged.
    pub fn get_module<M: Module>(&self, name: &str, module: &mut M) -> Result<()> {
        let Some(tensors) = self.tensors else { return Ok(()) };
        // Checked first, because it cannot be undone: a module shares its running statistics with
        // its clones.
        visit(module, &mut Fits { name, tensors })?;
        let loaded = module.clone().map(&mut DynMapper::new(MapMode::Values(&mut Give { name, tensors })));
        *module = loaded;
        Ok(())
    }
}

/// Checks that the stored tensors have the shapes of the parameters of a module.
struct Fits<'a> {
    name: &'a str,
    tensors: &'a StoredTensors,
}

impl Fits<'_> {
    fn check(&self, path: &str, dims: &[usize]) -> Result<()> {
        let name = format!("{}.{path}", self.name);
        self.tensors.get(&name).map_or(Ok(()), |data| check_shape(&name, data, dims))
    }
}

impl ErasedVisitor for Fits<'_> {
    fn float(&mut self, _index: usize, _id: ParamId, path: &str, param: &dyn FloatParam) -> Result<()> {
        self.check(path, &param.dims())
    }

    fn other(&mut self, path: &str, handle: &dyn Fn() -> Handle) -> Result<()> {
        self.check(path, &handle().dims())
    }
}

/// Replaces the parameters of a module by the stored tensors.
struct Give<'a> {
    name: &'a str,
    tensors: &'a StoredTensors,
}

impl ValueMapper for Give<'_> {
    fn wants(&self, _index: usize, _id: ParamId) -> bool {
        true
    }

    fn wants_others(&self) -> bool {
        true
    }

    fn map(&mut self, _index: usize, path: &str, value: BridgeTensor) -> BridgeTensor {
        match self.tensors.get(&format!("{}.{path}", self.name)) {
            Some(data) => with_data(value, data.clone()),
            None => value,
        }
    }
}

fn mistyped(name: &str) -> Error {
    Error::new(ErrorKind::Checkpoint, format!("the stored state field `{name}` has another type"))
}

fn check_shape(name: &str, data: &TensorData, dims: &[usize]) -> Result<()> {
    let stored = data.shape();
    if stored.as_slice() == dims {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Checkpoint,
        format!("the stored tensor `{name}` must have shape {dims:?}, found {:?}", stored.as_slice()),
    ))
}

/// Returns a number as JSON: as a string if it is not finite.
pub(crate) fn f64_to_json(value: f64) -> Value {
    match serde_json::Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None => Value::String(value.to_string()),
    }
}

/// Returns the number that [`f64_to_json`] wrote.
pub(crate) fn f64_from_json(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => not_finite(text),
        _ => None,
    }
}
