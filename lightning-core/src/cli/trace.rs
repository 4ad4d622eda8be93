//! The shape of a type, found out by deserializing it from a deserializer that takes notes: whatever
//! serde can read has a shape, and its author derives nothing else.

mod access;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;

use std::{cell::RefCell, collections::BTreeMap, fmt};

use serde::{
    Deserializer,
    de::{self, DeserializeOwned, Visitor},
};
use serde_json::Value;

use self::access::{EnumTrace, ItemTrace, MapTrace, StructTrace};
use super::shape::{Shape, Variant};
use crate::params::to_json;

/// The nesting at which a type is taken for recursive.
const MAX_DEPTH: usize = 12;
/// How often a type is read at most, to see all variants of its enums.
const MAX_PASSES: usize = 64;

/// What is known of the type.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The content of the variants of each enum by its path, as far as they were seen.
    enums: BTreeMap<String, Vec<Option<Variant>>>,
    /// Fields that are left out: their type refuses the values that are tried.
    refused: Vec<String>,
    /// The path at which reading failed.
    failed: Option<String>,
}

/// Returns the shape of a type and its defaults: what `T` has where the `given` fields are missing.
pub(super) fn trace<T: DeserializeOwned + serde::Serialize>(defaulted: &[&str]) -> (Shape, Value) {
    let notes = RefCell::new(Notes::default());
    let mut shape = Shape::Any;
    for _ in 0..MAX_PASSES {
        shape = Shape::Any;
        notes.borrow_mut().failed = None;
        let read =
            T::deserialize(Trace { shape: &mut shape, notes: &notes, path: String::new(), depth: 0, left_out: &[] });
        let failed = notes.borrow_mut().failed.take().filter(|_| read.is_err());
        match failed {
            Some(path) if !notes.borrow().refused.contains(&path) => notes.borrow_mut().refused.push(path),
            _ if notes.borrow().enums.values().all(|variants| variants.iter().all(Option::is_some)) => break,
            _ => {}
        }
    }
    // Once more without the fields that have defaults.
    let mut ignored = Shape::Any;
    let with_defaults = T::deserialize(Trace {
        shape: &mut ignored,
        notes: &notes,
        path: String::new(),
        depth: 0,
        left_out: defaulted,
    });
    let defaults = with_defaults.ok().and_then(|value| to_json(&value).ok()).unwrap_or_default();
    let defaults = match defaults {
        Value::Object(mut entries) => {
            entries.retain(|key, _| defaulted.contains(&key.as_str()));
            Value::Object(entries)
        }
        other => other,
    };
    (shape, defaults)
}

/// Why reading ended: never shown.
#[derive(Debug)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The deserializer of the value at a path.
pub(super) struct Trace<'a> {
    shape: &'a mut Shape,
    notes: &'a RefCell<Notes>,
    path: String,
    depth: usize,
    /// Fields of the outermost struct that are left out.
    left_out: &'a [&'a str],
}

impl<'a> Trace<'a> {
    fn inner<'b>(&'b self, shape: &'b mut Shape, name: &str) -> Trace<'b> {
        Trace { shape, notes: self.notes, path: format!("{}.{name}", self.path), depth: self.depth + 1, left_out: &[] }
    }

    /// Notes where reading failed, innermost first.
    fn noted<T>(&self, result: Result<T, Refused>) -> Result<T, Refused> {
        if result.is_err() {
            self.notes.borrow_mut().failed.get_or_insert_with(|| self.path.clone());
        }
        result
    }

    fn is_deep(&self) -> bool {
        self.depth >= MAX_DEPTH
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ident),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            let range = ($type::MIN as i128, $type::MAX as i128);
            *self.shape = Shape::Int { name: stringify!($type), min: range.0, max: range.1 };
            let read = visitor.$visit(1);
            self.noted(read)
        })*
    };
}

impl<'de> Deserializer<'de> for Trace<'_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        *self.shape = Shape::Any;
        self.noted(Err(Refused))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.shape = Shape::Bool;
        let read = visitor.visit_bool(false);
        self.noted(read)
    }

    integers!(
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    );

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.shape = Shape::Int { name: "u128", min: 0, max: i128::MAX };
        let read = visitor.visit_u128(1);
        self.noted(read)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.shape = Shape::Float { single: true };
        let read = visitor.visit_f32(1.0);
        self.noted(read)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.shape = Shape::FLOAT;
        let read = visitor.visit_f64(1.0);
        self.noted(read)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.shape = Shape::Char;
        let read = visitor.visit_char('a');
        self.noted(read)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.shape = Shape::Text;
        let read = visitor.visit_str("");
        self.noted(read)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.shape = Shape::Any;
        let read = visitor.visit_bytes(&[]);
        self.noted(read)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let mut inner = Shape::Any;
        let read = match self.is_deep() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self.inner(&mut inner, "?")),
        };
        *self.shape = inner.optional();
        self.noted(read)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.shape = Shape::Unit;
        let read = visitor.visit_unit();
        self.noted(read)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let mut items = vec![Shape::Any];
        let rest = usize::from(!self.is_deep());
        let read = visitor.visit_seq(ItemTrace { trace: &self, shapes: &mut items, at: 0, count: rest });
        *self.shape = Shape::List(Box::new(items.pop().unwrap_or(Shape::Any)));
        self.noted(read)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        let mut items = vec![Shape::Any; len];
        let read = visitor.visit_seq(ItemTrace { trace: &self, shapes: &mut items, at: 0, count: len });
        *self.shape = if len == 0 { Shape::Any } else { Shape::Tuple(items) };
        self.noted(read)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let mut value = Shape::Any;
        let read = visitor.visit_map(MapTrace { trace: &self, value: &mut value, is_left: !self.is_deep() });
        *self.shape = Shape::Map(Box::new(value));
        self.noted(read)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let mut shapes = vec![Shape::Any; fields.len()];
        let read = visitor.visit_map(StructTrace { trace: &self, fields, shapes: &mut shapes, at: 0 });
        *self.shape = StructTrace::table(fields, shapes);
        self.noted(read)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let chosen = {
            let mut notes = self.notes.borrow_mut();
            let variants = notes.enums.entry(self.path.clone()).or_insert_with(|| vec![None; names.len()]);
            variants.iter().position(Option::is_none).unwrap_or(0)
        };
        let mut content = None;
        let read =
            visitor.visit_enum(EnumTrace { trace: &self, name: names.get(chosen).copied(), content: &mut content });
        let mut notes = self.notes.borrow_mut();
        let variants = notes.enums.entry(self.path.clone()).or_default();
        if let (Some(seen), Some(name)) = (variants.get_mut(chosen), names.get(chosen)) {
            *seen = Some(Variant { name: (*name).to_owned(), content });
        }
        let named = variants.iter().zip(names).map(|(variant, name)| {
            let unseen = || Variant { name: (*name).to_owned(), content: Some(Shape::Any) };
            variant.clone().unwrap_or_else(unseen)
        });
        *self.shape = Shape::Choice(named.collect());
        drop(notes);
        self.noted(read)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }
}
