//! What the deserializer hands to visitors of several values.

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::StrDeserializer,
    },
};

use super::{Refused, Trace};
use crate::cli::shape::{Entry, Shape, Table};

/// The items of a list or a tuple.
pub(super) struct ItemTrace<'a, 'b> {
    pub(super) trace: &'a Trace<'b>,
    pub(super) shapes: &'a mut [Shape],
    pub(super) at: usize,
    pub(super) count: usize,
}

impl<'de> SeqAccess<'de> for ItemTrace<'_, '_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        if self.at >= self.count {
            return Ok(None);
        }
        let name = self.at.to_string();
        let Some(shape) = self.shapes.get_mut(self.at) else { return Ok(None) };
        self.at += 1;
        seed.deserialize(self.trace.inner(shape, &name)).map(Some)
    }
}

/// One entry of a map with free keys.
pub(super) struct MapTrace<'a, 'b> {
    pub(super) trace: &'a Trace<'b>,
    pub(super) value: &'a mut Shape,
    pub(super) is_left: bool,
}

impl<'de> MapAccess<'de> for MapTrace<'_, '_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        if !std::mem::take(&mut self.is_left) {
            return Ok(None);
        }
        let mut ignored = Shape::Any;
        seed.deserialize(self.trace.inner(&mut ignored, "key")).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        seed.deserialize(self.trace.inner(self.value, "value"))
    }
}

/// The fields of a struct.
pub(super) struct StructTrace<'a, 'b> {
    pub(super) trace: &'a Trace<'b>,
    pub(super) fields: &'static [&'static str],
    pub(super) shapes: &'a mut [Shape],
    pub(super) at: usize,
}

impl StructTrace<'_, '_> {
    pub(super) fn table(fields: &'static [&'static str], shapes: Vec<Shape>) -> Shape {
        let entries = fields.iter().zip(shapes).map(|(key, shape)| Entry {
            key: (*key).to_owned(),
            shape,
            doc: String::new(),
            default: None,
            required: true,
            search: None,
        });
        Shape::Table(Table { entries: entries.collect() })
    }
}

impl<'de> MapAccess<'de> for StructTrace<'_, '_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        while let Some(name) = self.fields.get(self.at) {
            self.at += 1;
            let path = format!("{}.{name}", self.trace.path);
            let is_refused = self.trace.notes.borrow().refused.iter().any(|refused| refused.starts_with(&path));
            if !is_refused && !self.trace.left_out.contains(name) {
                let name: StrDeserializer<'_, Refused> = (*name).into_deserializer();
                return seed.deserialize(name).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let at = self.at.saturating_sub(1);
        let (Some(name), Some(shape)) = (self.fields.get(at), self.shapes.get_mut(at)) else { return Err(Refused) };
        seed.deserialize(self.trace.inner(shape, name))
    }
}

/// A variant of an enum.
pub(super) struct EnumTrace<'a, 'b> {
    pub(super) trace: &'a Trace<'b>,
    pub(super) name: Option<&'static str>,
    pub(super) content: &'a mut Option<Shape>,
}

impl<'de> EnumAccess<'de> for EnumTrace<'_, '_> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Refused> {
        let name: StrDeserializer<'_, Refused> = self.name.unwrap_or_default().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl EnumTrace<'_, '_> {
    /// Reads the content of the variant.
    fn read<T>(self, read: impl FnOnce(Trace<'_>) -> Result<T, Refused>) -> Result<T, Refused> {
        let mut shape = Shape::Any;
        let result = read(self.trace.inner(&mut shape, self.name.unwrap_or_default()));
        *self.content = Some(shape);
        result
    }
}

impl<'de> VariantAccess<'de> for EnumTrace<'_, '_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        self.read(|trace| seed.deserialize(trace))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.read(|trace| trace.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Refused> {
        self.read(|trace| trace.deserialize_struct("", fields, visitor))
    }
}
