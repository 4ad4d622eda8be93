//! `#[state]` fields on their way into a checkpoint and back.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};

/// Collects the state fields of a module or data module by name.
#[derive(Debug, Default)]
pub struct StateWriter {
    fields: Map<String, Value>,
}

impl StateWriter {
    /// Adds one field.
    ///
    /// # Errors
    /// When the value cannot be written as JSON, with the field's name.
    pub fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        let value = serde_json::to_value(value).map_err(|source| {
            Error::new(ErrorKind::Checkpoint, format!("the state field `{name}` cannot be saved"))
                .caused_by(source)
                .help("mark it `#[state(skip)]` if it need not be kept")
        })?;
        self.fields.insert(name.to_owned(), value);
        Ok(())
    }

    /// Everything collected, as one JSON object.
    pub fn finish(self) -> Value {
        Value::Object(self.fields)
    }
}

/// Gives the state fields back by name.
#[derive(Clone, Copy, Debug)]
pub struct StateReader<'a> {
    fields: Option<&'a Map<String, Value>>,
}

impl<'a> StateReader<'a> {
    /// Reads from the object a [`StateWriter`] made.
    pub fn new(value: &'a Value) -> Self {
        Self { fields: value.as_object() }
    }

    /// Replaces `target` by the stored field; a field that is not stored stays as it is.
    ///
    /// # Errors
    /// When the stored value has another type.
    pub fn get<T: DeserializeOwned>(&self, name: &str, target: &mut T) -> Result<()> {
        if let Some(value) = self.fields.and_then(|fields| fields.get(name)) {
            *target = T::deserialize(value).map_err(|source| {
                Error::new(ErrorKind::Checkpoint, format!("the stored state field `{name}` has another type"))
                    .caused_by(source)
            })?;
        }
        Ok(())
    }
}
