//! JSON with NaN and infinity, which JSON numbers cannot be.
//!
//! They are written as the strings `"+NaN"`, `"+Infinity"` and `"-Infinity"`, which every reader of
//! JSON accepts, and which `float` of Python, `Number` of JavaScript and `str::parse` of Rust turn
//! into the number. The sign tells them from the texts `"NaN"` and `"inf"` of a user.

use std::fmt;

use serde::{
    Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor},
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
        SerializeTupleVariant,
    },
};
use serde_json::Value;

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

/// Anything that is written by [`Writing`]: a serializer, a part of one, or a value.
struct Writing<S>(S);

impl<T: Serialize + ?Sized> Serialize for Writing<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Writing(serializer))
    }
}

macro_rules! forward_values {
    ($($method:ident($type:ty))*) => {
        $(fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.0.$method(value)
        })*
    };
}

impl<S: Serializer> Serializer for Writing<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Writing<S::SerializeSeq>;
    type SerializeTuple = Writing<S::SerializeTuple>;
    type SerializeTupleStruct = Writing<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Writing<S::SerializeTupleVariant>;
    type SerializeMap = Writing<S::SerializeMap>;
    type SerializeStruct = Writing<S::SerializeStruct>;
    type SerializeStructVariant = Writing<S::SerializeStructVariant>;

    forward_values! {
        serialize_bool(bool)
        serialize_i8(i8)
        serialize_i16(i16)
        serialize_i32(i32)
        serialize_i64(i64)
        serialize_i128(i128)
        serialize_u8(u8)
        serialize_u16(u16)
        serialize_u32(u32)
        serialize_u64(u64)
        serialize_u128(u128)
        serialize_char(char)
        serialize_str(&str)
        serialize_bytes(&[u8])
        serialize_unit_struct(&'static str)
    }

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        if value.is_finite() { self.0.serialize_f32(value) } else { self.0.serialize_str(written(f64::from(value))) }
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        if value.is_finite() { self.0.serialize_f64(value) } else { self.0.serialize_str(written(value)) }
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&Writing(value))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit()
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &Writing(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_variant(name, index, variant, &Writing(value))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.0.serialize_seq(len).map(Writing)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.0.serialize_tuple(len).map(Writing)
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.0.serialize_tuple_struct(name, len).map(Writing)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.0.serialize_tuple_variant(name, index, variant, len).map(Writing)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.0.serialize_map(len).map(Writing)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.0.serialize_struct(name, len).map(Writing)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0.serialize_struct_variant(name, index, variant, len).map(Writing)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! forward_items {
    ($($part:ident: $method:ident($($name:ident)?))*) => {
        $(impl<S: $part> $part for Writing<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: &'static str,)?
                value: &T,
            ) -> Result<(), S::Error> {
                self.0.$method($($name,)? &Writing(value))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

forward_items! {
    SerializeSeq: serialize_element()
    SerializeTuple: serialize_element()
    SerializeTupleStruct: serialize_field()
    SerializeTupleVariant: serialize_field()
    SerializeStruct: serialize_field(key)
    SerializeStructVariant: serialize_field(key)
}

impl<S: SerializeMap> SerializeMap for Writing<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        // serde_json writes a number that is a key as a text, and reads no other than it wrote.
        self.0.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_value(&Writing(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

/// Anything that reads the strings of [`written`] as numbers: a deserializer or a part of one.
#[derive(Clone, Copy)]
struct Reading<D> {
    inner: D,
    /// Whether they are numbers where serde asks for no type, as it does for untagged enums and
    /// flattened fields.
    untyped: bool,
}

impl<D> Reading<D> {
    fn of<T>(&self, inner: T) -> Reading<T> {
        Reading { inner, untyped: self.untyped }
    }

    fn visitor<V>(&self, visitor: V, place: Place) -> ReadingVisitor<V> {
        ReadingVisitor { visitor, untyped: self.untyped, place }
    }
}

macro_rules! forward_types {
    ($($method:ident($($name:ident: $type:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.visitor(visitor, Place::Other);
            self.inner.$method($($name,)* visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Reading<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.visitor(visitor, if self.untyped { Place::Any } else { Place::Other });
        self.inner.deserialize_any(visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        // JSON says itself whether it has a number or a text.
        let visitor = self.visitor(visitor, Place::Number);
        self.inner.deserialize_any(visitor)
    }

    forward_types! {
        deserialize_bool()
        deserialize_i8()
        deserialize_i16()
        deserialize_i32()
        deserialize_i64()
        deserialize_i128()
        deserialize_u8()
        deserialize_u16()
        deserialize_u32()
        deserialize_u64()
        deserialize_u128()
        deserialize_char()
        deserialize_str()
        deserialize_string()
        deserialize_bytes()
        deserialize_byte_buf()
        deserialize_option()
        deserialize_unit()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_seq()
        deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier()
        deserialize_ignored_any()
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// Passes on what is read.
struct ReadingVisitor<V> {
    visitor: V,
    untyped: bool,
    place: Place,
}

impl<V> ReadingVisitor<V> {
    fn split<T>(self, inner: T) -> (V, Reading<T>) {
        (self.visitor, Reading { inner, untyped: self.untyped })
    }

    fn number(&self, text: &str) -> Option<f64> {
        number(text, self.place)
    }
}

macro_rules! forward_visits {
    ($($method:ident($type:ty))*) => {
        $(fn $method<E: serde::de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for ReadingVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    forward_visits! {
        visit_bool(bool)
        visit_i8(i8)
        visit_i16(i16)
        visit_i32(i32)
        visit_i64(i64)
        visit_i128(i128)
        visit_u8(u8)
        visit_u16(u16)
        visit_u32(u32)
        visit_u64(u64)
        visit_u128(u128)
        visit_f32(f32)
        visit_f64(f64)
        visit_char(char)
        visit_bytes(&[u8])
        visit_borrowed_bytes(&'de [u8])
        visit_byte_buf(Vec<u8>)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<V::Value, E> {
        match self.number(value) {
            Some(number) => self.visitor.visit_f64(number),
            None => self.visitor.visit_str(value),
        }
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, value: &'de str) -> Result<V::Value, E> {
        match self.number(value) {
            Some(number) => self.visitor.visit_f64(number),
            None => self.visitor.visit_borrowed_str(value),
        }
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<V::Value, E> {
        match self.number(&value) {
            Some(number) => self.visitor.visit_f64(number),
            None => self.visitor.visit_string(value),
        }
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let (visitor, reading) = self.split(deserializer);
        visitor.visit_some(reading)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let (visitor, reading) = self.split(deserializer);
        visitor.visit_newtype_struct(reading)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        let (visitor, reading) = self.split(items);
        visitor.visit_seq(reading)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let (visitor, reading) = self.split(entries);
        visitor.visit_map(reading)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        let (visitor, reading) = self.split(variant);
        visitor.visit_enum(reading)
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Reading<T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Value, D::Error> {
        let reading = self.of(deserializer);
        self.inner.deserialize(reading)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Reading<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        let seed = self.of(seed);
        self.inner.next_element_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Reading<A> {
    type Error = A::Error;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        // Not as a value: serde_json turns a key into the number that is asked for.
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.of(seed);
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Reading<A> {
    type Error = A::Error;
    type Variant = Reading<A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant), A::Error> {
        let Self { inner, untyped } = self;
        let (name, variant) = inner.variant_seed(seed)?;
        Ok((name, Reading { inner: variant, untyped }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Reading<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.of(seed);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.visitor(visitor, Place::Other);
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.visitor(visitor, Place::Other);
        self.inner.struct_variant(fields, visitor)
    }
}
