//! JSON with NaN and infinity, which JSON numbers cannot be.
//!
//! They are written as the strings `"+NaN"`, `"+Infinity"` and `"-Infinity"`, which every reader of
//! JSON accepts, and which `float` of Python, `Number` of JavaScript and `str::parse` of Rust turn
//! into the number. The sign tells them from the texts `"NaN"` and `"inf"` of a user.

mod reading;
mod writing;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::{reading::Reading, writing::Writing};
use crate::error::Error;

/// Returns a value as JSON, in which NaN and the infinities are the strings `"+NaN"`, `"+Infinity"`
/// and `"-Infinity"`.
///
/// The `hparams.json` of a run and the JSON in a checkpoint are written in this way.
///
/// ```
/// use lightning_core::params::{from_json, to_json};
///
/// let written = to_json(&[Some(0.5), None, Some(f64::INFINITY)])?;
/// assert_eq!(written.to_string(), r#"[0.5,null,"+Infinity"]"#);
/// assert_eq!(from_json::<Vec<Option<f64>>>(&written)?, [Some(0.5), None, Some(f64::INFINITY)]);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
/// If the value has something else that JSON does not have, such as a map with keys that are not
/// texts.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Value> {
    value.serialize(Writing(serde_json::value::Serializer))
}

/// Reads a value from JSON that [`to_json`] or serde wrote.
///
/// # Errors
/// If the JSON has another type.
pub fn from_json<T: DeserializeOwned>(value: &Value) -> serde_json::Result<T> {
    T::deserialize(Reading { inner: value, untyped: true })
        // A text that looks like a number, where serde asks for no type.
        .or_else(|error| from_json_with_texts(value).map_err(|_| error))
}

/// As [`to_json`], in the order of the fields.
pub(crate) fn to_json_text<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    let mut text = Vec::new();
    value.serialize(Writing(&mut serde_json::Serializer::new(&mut text)))?;
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}

/// As [`from_json`], for a type with JSON in it, whose texts stay texts.
pub(crate) fn from_json_with_texts<T: DeserializeOwned>(value: &Value) -> serde_json::Result<T> {
    T::deserialize(Reading { inner: value, untyped: false })
}

/// Adds a hint to the error about a value that may have been written before NaN and infinity were.
pub(crate) fn with_null_hint(error: Error, value: &Value) -> Error {
    fn has_null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(items) => items.iter().any(has_null),
            Value::Object(entries) => entries.values().any(has_null),
            _ => false,
        }
    }
    if !has_null(value) {
        return error;
    }
    error.help("earlier versions wrote NaN and infinity as null; make the field an `Option` to read such a file")
}

/// Returns the string that stands for a number that is not finite.
fn written(number: f64) -> &'static str {
    if number.is_nan() {
        "+NaN"
    } else if number > 0.0 {
        "+Infinity"
    } else {
        "-Infinity"
    }
}

/// The places in which a string can stand for a number.
#[derive(Clone, Copy)]
enum Place {
    /// Something else is asked for.
    Other,
    /// Anything is asked for: only the strings that are [`written`] are numbers.
    Any,
    /// A number is asked for.
    Number,
}

/// Returns the number that a string stands for.
fn number(text: &str, place: Place) -> Option<f64> {
    let number = not_finite(text)?;
    match place {
        Place::Other => None,
        Place::Any => (text == written(number)).then_some(number),
        Place::Number => Some(number),
    }
}

/// Returns NaN or infinity as any program writes them.
pub(crate) fn not_finite(text: &str) -> Option<f64> {
    let is_word = !text.bytes().any(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number: &f64| is_word && !number.is_finite())
}
