//! Tuples, lists, maps and options of batches.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
};

use burn::tensor::{Device, FloatDType};

use super::Batch;

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
}
