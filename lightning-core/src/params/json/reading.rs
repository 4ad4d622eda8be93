//! A deserializer that reads strings as NaN and infinity.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor},
};

use super::{Place, number};

/// Anything that reads the strings of [`written`] as numbers: a deserializer or a part of one.
#[derive(Clone, Copy)]
pub(super) struct Reading<D> {
    pub(super) inner: D,
    /// Whether they are numbers where serde asks for no type, as it does for untagged enums and
    /// flattened fields.
    pub(super) untyped: bool,
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
