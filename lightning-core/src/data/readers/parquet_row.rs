//! One row of a Parquet file as a serde deserializer.

use std::{fmt, vec};

use ::parquet::{
    data_type::Decimal,
    record::{self, Field},
};
use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{SeqDeserializer, StringDeserializer},
    },
    forward_to_deserialize_any,
};

/// The reason why a row does not fit its type.
#[derive(Debug)]
pub(super) struct Fault {
    /// The column, and the fields within it.
    pub(super) columns: Vec<String>,
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
}

impl Fault {
    fn new(message: String) -> Self {
        Self { columns: Vec::new(), message, help: None }
    }

    fn help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }

    fn within(mut self, column: &str) -> Self {
        self.columns.insert(0, column.to_owned());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

/// The names of the fields of a struct, `None` of a type that takes the columns by position.
pub(super) fn fields_of<'de, T: Deserialize<'de>>() -> Option<&'static [&'static str]> {
    let mut fields = None;
    // It ends with an error in any case: there is no value.
    let _no_value = T::deserialize(Fields(&mut fields));
    fields
}

/// A deserializer without a value, which keeps the names of the fields that it is asked for.
struct Fields<'a>(&'a mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(Fault::new("there is no value".to_owned()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        *self.0 = Some(fields);
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// A row, or a struct within one.
pub(super) struct Row(pub(super) record::Row);

impl Row {
    fn by_position<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let columns = self.0.into_columns();
        let found = columns.len();
        let mut columns = Columns { left: columns.into_iter(), value: None };
        let value = visitor.visit_seq(&mut columns)?;
        match columns.left.len() {
            0 => Ok(value),
            left => Err(Fault::new(format!("the file has {found} columns, expected the {} of its type", found - left))),
        }
    }
}

impl<'de> Deserializer<'de> for Row {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Columns { left: self.0.into_columns().into_iter(), value: None })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.by_position(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.by_position(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.by_position(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        map struct enum identifier ignored_any
    }
}

/// The remaining columns of a row.
struct Columns {
    left: vec::IntoIter<(String, Field)>,
    value: Option<(String, Field)>,
}

impl<'de> SeqAccess<'de> for &mut Columns {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some((name, field)) = self.left.next() else { return Ok(None) };
        seed.deserialize(Cell(field)).map(Some).map_err(|fault| fault.within(&name))
    }
}

impl<'de> MapAccess<'de> for Columns {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.value = self.left.next();
        let Some((name, _)) = &self.value else { return Ok(None) };
        seed.deserialize(StringDeserializer::new(name.clone())).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some((name, field)) = self.value.take() else {
            return Err(Fault::new("the row ends too early".to_owned()));
        };
        seed.deserialize(Cell(field)).map_err(|fault| fault.within(&name))
    }
}

/// A value of a row.
struct Cell(Field);

impl<'de> IntoDeserializer<'de, Fault> for Cell {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn finite<'de, V: Visitor<'de>>(number: f64, visitor: V) -> Result<V::Value, Fault> {
    // One NaN or infinity would turn every weight into NaN.
    if number.is_finite() {
        return visitor.visit_f64(number);
    }
    Err(Fault::new(format!("found {number}, expected a finite number"))
        .help("write such a value as null, and make the field an `Option`"))
}

/// The value of a decimal, to the precision of an `f64`; its digits are a big-endian integer in two's
/// complement of any width.
fn decimal(decimal: &Decimal) -> f64 {
    let bytes = decimal.data();
    let is_negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let unsigned =
        bytes.iter().fold(0.0, |value, byte| value * 256.0 + f64::from(if is_negative { !byte } else { *byte }));
    let value = if is_negative { -unsigned - 1.0 } else { unsigned };
    value / 10_f64.powi(decimal.scale())
}

impl Cell {
    fn present(self) -> Result<Self, Fault> {
        match self.0 {
            Field::Null => Err(Fault::new("the value is missing".to_owned())
                .help("make the field an `Option`, or leave the row out of the file")),
            field => Ok(Self(field)),
        }
    }
}

macro_rules! present {
    ($($method:ident($($argument:ident: $type:ty),*)),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Fault> {
            $(let _ = $argument;)*
            self.present()?.deserialize_any(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Cell {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Field::Null => visitor.visit_unit(),
            Field::Bool(value) => visitor.visit_bool(value),
            Field::Byte(value) => visitor.visit_i8(value),
            Field::Short(value) => visitor.visit_i16(value),
            Field::Int(value) | Field::Date(value) | Field::TimeMillis(value) => visitor.visit_i32(value),
            Field::Long(value)
            | Field::TimeMicros(value)
            | Field::TimestampMillis(value)
            | Field::TimestampMicros(value) => visitor.visit_i64(value),
            Field::UByte(value) => visitor.visit_u8(value),
            Field::UShort(value) => visitor.visit_u16(value),
            Field::UInt(value) => visitor.visit_u32(value),
            Field::ULong(value) => visitor.visit_u64(value),
            Field::Float16(value) => finite(value.to_f64(), visitor),
            Field::Float(value) => finite(f64::from(value), visitor),
            Field::Double(value) => finite(value, visitor),
            Field::Decimal(value) => finite(decimal(&value), visitor),
            Field::Str(text) => visitor.visit_string(text),
            Field::Bytes(bytes) => visitor.visit_byte_buf(bytes.data().to_vec()),
            Field::Group(row) => Row(row).deserialize_any(visitor),
            Field::ListInternal(list) => {
                let cells = list.elements().iter().cloned().map(Cell);
                visitor.visit_seq(SeqDeserializer::new(cells))
            }
            Field::MapInternal(map) => {
                let entries = map.entries().iter().map(|(key, value)| {
                    let name = match key {
                        Field::Str(text) => text.clone(),
                        other => other.to_string(),
                    };
                    (name, value.clone())
                });
                visitor.visit_map(Columns { left: entries.collect::<Vec<_>>().into_iter(), value: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Field::Null = self.0 { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// Bytes are a list of numbers as well; texts of old files are bytes.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Field::Bytes(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.data().iter().copied())),
            _ => self.present()?.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
                Ok(text) => visitor.visit_str(text),
                Err(_) => Err(Fault::new("the bytes are not UTF-8, expected a text".to_owned())
                    .help("make the field a `Vec<u8>`")),
            },
            _ => self.present()?.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.present()?.0 {
            Field::Str(text) => visitor.visit_enum(text.into_deserializer()),
            other => Err(Fault::new(format!("found {other}, expected one of `{}`", variants.join("`, `")))),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    present! {
        deserialize_bool(),
        deserialize_i8(),
        deserialize_i16(),
        deserialize_i32(),
        deserialize_i64(),
        deserialize_i128(),
        deserialize_u8(),
        deserialize_u16(),
        deserialize_u32(),
        deserialize_u64(),
        deserialize_u128(),
        deserialize_f32(),
        deserialize_f64(),
        deserialize_char(),
        deserialize_bytes(),
        deserialize_byte_buf(),
        deserialize_map(),
        deserialize_identifier(),
        deserialize_unit_struct(name: &'static str),
        deserialize_struct(name: &'static str, fields: &'static [&'static str]),
    }
}
