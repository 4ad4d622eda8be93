//! One row of a CSV file as a serde deserializer.

use std::{any::type_name, fmt};

use ::csv::StringRecord;
use serde::{
    Deserializer,
    de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::BorrowedStrDeserializer},
    forward_to_deserialize_any,
};

/// The reason why a row does not fit its type.
#[derive(Debug)]
pub(super) struct Fault {
    /// The column, from 0, if it is one cell.
    pub(super) column: Option<usize>,
    /// Whether the header does not fit.
    pub(super) header: bool,
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
}

impl Fault {
    fn new(message: String) -> Self {
        Self { column: None, header: false, message, help: None }
    }

    fn help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }

    fn in_column(self, column: usize) -> Self {
        Self { column: self.column.or(Some(column)), ..self }
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

/// A row, with its columns named by the header if there is one.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) header: Option<&'a [String]>,
    pub(super) record: &'a StringRecord,
    pub(super) missing: &'a [String],
}

impl<'a> Row<'a> {
    fn cells(self) -> Cells<'a> {
        Cells { row: self, next: 0 }
    }

    fn by_position<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        let mut cells = self.cells();
        let value = visitor.visit_seq(&mut cells)?;
        let (taken, found) = (cells.next, self.record.len());
        if taken < found {
            return Err(Fault::new(format!("the row has {found} cells, expected the {taken} of its type")));
        }
        Ok(value)
    }

    /// serde accepts a missing column for an `Option` field, which would hide a misspelled name.
    fn check_columns(header: &[String], fields: &[&str]) -> Result<(), Fault> {
        match fields.iter().find(|field| !header.iter().any(|name| name == *field)) {
            Some(field) => {
                let columns = header.join("`, `");
                let fault = Fault::new(format!("there is no column `{field}`, the header has `{columns}`"))
                    .help("rename the field, write `#[serde(rename = \"…\")]`, or add the column");
                Err(Fault { header: true, ..fault })
            }
            None => Ok(()),
        }
    }
}

impl<'de> Deserializer<'de> for Row<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.header {
            Some(_) => visitor.visit_map(self.cells()),
            None => self.by_position(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let Some(header) = self.header {
            Self::check_columns(header, fields)?;
        }
        self.deserialize_any(visitor)
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
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct map enum identifier
        ignored_any
    }
}

/// The remaining cells of a row.
struct Cells<'a> {
    row: Row<'a>,
    next: usize,
}

impl<'a> Cells<'a> {
    fn next(&mut self) -> Option<(usize, Cell<'a>)> {
        let (index, Row { record, missing, .. }) = (self.next, self.row);
        let text = record.get(index)?;
        self.next += 1;
        let trimmed = text.trim();
        Some((index, Cell { text, missing: missing.iter().any(|marker| marker == trimmed) }))
    }
}

impl<'a> SeqAccess<'a> for &mut Cells<'a> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some((index, cell)) = self.next() else { return Ok(None) };
        seed.deserialize(cell).map(Some).map_err(|fault| fault.in_column(index))
    }
}

impl<'a> MapAccess<'a> for Cells<'a> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let name = self.row.header.and_then(|header| header.get(self.next));
        name.map(|name| seed.deserialize(BorrowedStrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some((index, cell)) = self.next() else { return Err(Fault::new("the row ends too early".to_owned())) };
        seed.deserialize(cell).map_err(|fault| fault.in_column(index))
    }
}

#[derive(Clone, Copy)]
struct Cell<'a> {
    text: &'a str,
    missing: bool,
}

impl<'a> Cell<'a> {
    /// The text of the cell; `expected` describes the type for the error.
    fn present(self, expected: impl FnOnce() -> String) -> Result<&'a str, Fault> {
        if self.missing {
            return Err(Fault::new(format!("the value is missing, expected {}", expected()))
                .help("make the field an `Option`, or remove the row from the file"));
        }
        Ok(self.text)
    }

    fn unlike(self, expected: &str) -> Fault {
        let shown: String = self.text.chars().take(40).collect();
        Fault::new(format!("`{shown}`, expected {expected}"))
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let expected = || format!("an integer from {} to {}", <$type>::MIN, <$type>::MAX);
            let number = self.present(expected)?.trim().parse::<$type>().map_err(|_| self.unlike(&expected()))?;
            visitor.$visit(number)
        })*
    };
}

macro_rules! floats {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let text = self.present(|| "a number".to_owned())?.trim();
            let number = text.parse::<$type>().map_err(|_| self.unlike("a number"))?;
            // One NaN or infinity would turn every weight into NaN.
            if !number.is_finite() {
                return Err(self.unlike("a finite number").help("if it marks a missing value, list it in `missing([…])`"));
            }
            visitor.$visit(number)
        })*
    };
}

macro_rules! no_cell {
    ($($method:ident($($argument:ident: $type:ty),*)),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* _visitor: V) -> Result<V::Value, Fault> {
            $(let _ = $argument;)*
            Err(Fault::new(format!("one cell cannot hold a `{}`", type_name::<V::Value>())))
        })*
    };
}

impl<'de> Deserializer<'de> for Cell<'de> {
    type Error = Fault;

    /// A type that accepts anything gets the narrowest kind that fits: none, an integer, a number,
    /// a text.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.text.trim();
        if self.missing {
            visitor.visit_unit()
        } else if let Ok(integer) = text.parse() {
            visitor.visit_i64(integer)
        } else if let Some(number) = text.parse().ok().filter(|number: &f64| number.is_finite()) {
            visitor.visit_f64(number)
        } else {
            visitor.visit_borrowed_str(self.text)
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let expected = "`true` or `false`";
        let text = self.present(|| expected.to_owned())?.trim();
        if text.eq_ignore_ascii_case("true") || text == "1" {
            visitor.visit_bool(true)
        } else if text.eq_ignore_ascii_case("false") || text == "0" {
            visitor.visit_bool(false)
        } else {
            Err(self.unlike(expected))
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
    }

    floats! {
        deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64,
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let expected = "one character";
        let mut characters = self.present(|| expected.to_owned())?.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) => visitor.visit_char(character),
            _ => Err(self.unlike(expected)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.present(|| "a text".to_owned())?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.missing { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let text = self.present(|| format!("one of `{}`", variants.join("`, `")))?.trim();
        visitor.visit_enum(text.into_deserializer())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    no_cell! {
        deserialize_bytes(),
        deserialize_byte_buf(),
        deserialize_unit(),
        deserialize_unit_struct(name: &'static str),
        deserialize_seq(),
        deserialize_tuple(len: usize),
        deserialize_tuple_struct(name: &'static str, len: usize),
        deserialize_map(),
        deserialize_struct(name: &'static str, fields: &'static [&'static str]),
    }
}
