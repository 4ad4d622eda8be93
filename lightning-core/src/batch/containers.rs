//! Tuples, lists, maps and options of batches.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
};

use burn::tensor::{Device, FloatDType};

use super::{Batch, BatchReader, BatchWriter};
use crate::error::Result;

macro_rules! tuple {
    ($($name:ident $index:tt),+) => {
        /// The size is that of the first member with a size.
        impl<$($name: Batch),+> Batch for ($($name,)+) {
            const SIZED: bool = false $(|| $name::SIZED)+;

            fn batch_size(&self) -> Option<usize> {
                None$(.or_else(|| self.$index.batch_size()))+
            }

            fn to_device(self, device: &Device) -> Self {
                ($(self.$index.to_device(device),)+)
            }

            fn cast(self, dtype: FloatDType) -> Self {
                ($(self.$index.cast(dtype),)+)
            }

            fn stage(self, device: &Device) -> Self {
                ($(self.$index.stage(device),)+)
            }

            fn save_batch(&self, name: &str, out: &mut BatchWriter) {
                $(self.$index.save_batch(&format!("{name}.{}", $index), out);)+
            }

            fn load_batch(name: &str, from: &BatchReader<'_>) -> Result<Self> {
                Ok(($($name::load_batch(&format!("{name}.{}", $index), from)?,)+))
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

/// The size is that of the first element: a `Vec<Tensor<2>>` holds several inputs of one batch, so
/// dimension 0 of the first input counts, and not the length of the `Vec`. If the length counts,
/// write `#[batch(size)]` on the field.
impl<T: Batch> Batch for Vec<T> {
    const SIZED: bool = T::SIZED;

    fn batch_size(&self) -> Option<usize> {
        self.first().and_then(T::batch_size)
    }

    fn to_device(self, device: &Device) -> Self {
        self.into_iter().map(|value| value.to_device(device)).collect()
    }

    fn cast(self, dtype: FloatDType) -> Self {
        self.into_iter().map(|value| value.cast(dtype)).collect()
    }

    fn stage(self, device: &Device) -> Self {
        self.into_iter().map(|value| value.stage(device)).collect()
    }

    fn save_batch(&self, name: &str, out: &mut BatchWriter) {
        save_list(self, name, out);
    }

    fn load_batch(name: &str, from: &BatchReader<'_>) -> Result<Self> {
        from.members(name)?.map(|name| T::load_batch(&name, from)).collect()
    }
}

/// The size is that of the first element, as for a `Vec`.
impl<T: Batch, const N: usize> Batch for [T; N] {
    const SIZED: bool = T::SIZED;

    fn batch_size(&self) -> Option<usize> {
        self.first().and_then(T::batch_size)
    }

    fn to_device(self, device: &Device) -> Self {
        self.map(|value| value.to_device(device))
    }

    fn cast(self, dtype: FloatDType) -> Self {
        self.map(|value| value.cast(dtype))
    }

    fn stage(self, device: &Device) -> Self {
        self.map(|value| value.stage(device))
    }

    fn save_batch(&self, name: &str, out: &mut BatchWriter) {
        save_list(self, name, out);
    }

    fn load_batch(name: &str, from: &BatchReader<'_>) -> Result<Self> {
        let members = Vec::load_batch(name, from)?;
        Self::try_from(members).map_err(|_| from.refuse::<Self>(name))
    }
}

impl<T: Batch> Batch for Option<T> {
    const SIZED: bool = T::SIZED;

    fn batch_size(&self) -> Option<usize> {
        self.as_ref().and_then(T::batch_size)
    }

    fn to_device(self, device: &Device) -> Self {
        self.map(|value| value.to_device(device))
    }

    fn cast(self, dtype: FloatDType) -> Self {
        self.map(|value| value.cast(dtype))
    }

    fn stage(self, device: &Device) -> Self {
        self.map(|value| value.stage(device))
    }

    fn save_batch(&self, name: &str, out: &mut BatchWriter) {
        out.value(&format!("{name}.some"), &self.is_some());
        if let Some(value) = self {
            value.save_batch(name, out);
        }
    }

    fn load_batch(name: &str, from: &BatchReader<'_>) -> Result<Self> {
        match from.value(&format!("{name}.some"))? {
            true => T::load_batch(name, from).map(Some),
            false => Ok(None),
        }
    }
}

impl<T: Batch> Batch for Box<T> {
    const SIZED: bool = T::SIZED;

    fn batch_size(&self) -> Option<usize> {
        T::batch_size(self)
    }

    fn to_device(self, device: &Device) -> Self {
        Box::new((*self).to_device(device))
    }

    fn cast(self, dtype: FloatDType) -> Self {
        Box::new((*self).cast(dtype))
    }

    fn stage(self, device: &Device) -> Self {
        Box::new((*self).stage(device))
    }

    fn save_batch(&self, name: &str, out: &mut BatchWriter) {
        T::save_batch(self, name, out);
    }

    fn load_batch(name: &str, from: &BatchReader<'_>) -> Result<Self> {
        T::load_batch(name, from).map(Box::new)
    }
}

/// The size is that of any value with a size: the values of a map are inputs of the same batch.
impl<K, T, S> Batch for HashMap<K, T, S>
where
    K: Eq + Hash + Send + 'static,
    T: Batch,
    S: BuildHasher + Default + Send + 'static,
{
    const SIZED: bool = T::SIZED;

    fn batch_size(&self) -> Option<usize> {
        self.values().find_map(T::batch_size)
    }

    fn to_device(self, device: &Device) -> Self {
        self.into_iter().map(|(key, value)| (key, value.to_device(device))).collect()
    }

    fn cast(self, dtype: FloatDType) -> Self {
        self.into_iter().map(|(key, value)| (key, value.cast(dtype))).collect()
    }

    fn stage(self, device: &Device) -> Self {
        self.into_iter().map(|(key, value)| (key, value.stage(device))).collect()
    }

    fn save_batch(&self, name: &str, out: &mut BatchWriter) {
        save_map(self, name, out);
    }

    fn load_batch(name: &str, from: &BatchReader<'_>) -> Result<Self> {
        Ok(load_map(name, from)?.into_iter().collect())
    }
}

/// The size is that of the first value with a size.
impl<K: Ord + Send + 'static, T: Batch> Batch for BTreeMap<K, T> {
    const SIZED: bool = T::SIZED;

    fn batch_size(&self) -> Option<usize> {
        self.values().find_map(T::batch_size)
    }

    fn to_device(self, device: &Device) -> Self {
        self.into_iter().map(|(key, value)| (key, value.to_device(device))).collect()
    }

    fn cast(self, dtype: FloatDType) -> Self {
        self.into_iter().map(|(key, value)| (key, value.cast(dtype))).collect()
    }

    fn stage(self, device: &Device) -> Self {
        self.into_iter().map(|(key, value)| (key, value.stage(device))).collect()
    }

    fn save_batch(&self, name: &str, out: &mut BatchWriter) {
        save_map(self, name, out);
    }

    fn load_batch(name: &str, from: &BatchReader<'_>) -> Result<Self> {
        Ok(load_map(name, from)?.into_iter().collect())
    }
}

fn save_list<T: Batch>(members: &[T], name: &str, out: &mut BatchWriter) {
    out.list(name, members.len(), |out| {
        for (index, member) in members.iter().enumerate() {
            member.save_batch(&format!("{name}.{index}"), out);
        }
    });
}

/// Keys are saved if they are texts or of the type `usize`.
fn save_map<'a, K: 'static, T: Batch>(
    members: impl IntoIterator<Item = (&'a K, &'a T), IntoIter: ExactSizeIterator>,
    name: &str,
    out: &mut BatchWriter,
) {
    let members = members.into_iter();
    out.list(name, members.len(), |out| {
        for (index, (key, member)) in members.enumerate() {
            let (at, key) = (format!("{name}.{index}.key"), key as &dyn Any);
            if let Some(text) = key.downcast_ref::<String>() {
                out.value(&at, text);
            } else if let Some(text) = key.downcast_ref::<&'static str>() {
                out.value(&at, text);
            } else if let Some(number) = key.downcast_ref::<usize>() {
                out.value(&at, number);
            } else {
                out.refuse::<K>(&at);
            }
            member.save_batch(&format!("{name}.{index}"), out);
        }
    });
}

fn load_map<K: 'static, T: Batch>(name: &str, from: &BatchReader<'_>) -> Result<Vec<(K, T)>> {
    let key = |index: usize| -> Result<K> {
        let at = format!("{name}.{index}.key");
        let key: Box<dyn Any> = if TypeId::of::<K>() == TypeId::of::<String>() {
            Box::new(from.value::<String>(&at)?)
        } else if TypeId::of::<K>() == TypeId::of::<&'static str>() && !from.is_part() {
            // A replayed batch is read once.
            Box::new(&*from.value::<String>(&at)?.leak())
        } else if TypeId::of::<K>() == TypeId::of::<usize>() {
            Box::new(from.value::<usize>(&at)?)
        } else {
            return Err(from.refuse::<K>(&at));
        };
        key.downcast().map(|key| *key).map_err(|_| from.refuse::<K>(&at))
    };
    (0..from.len(name)?).map(|index| Ok((key(index)?, T::load_batch(&format!("{name}.{index}"), from)?))).collect()
}
