//! Batches: values that move to a device, change their float dtype and know their number of
//! samples.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
    path::PathBuf,
};

use burn::tensor::{Bool, Device, FloatDType, Int, Tensor, kind::Basic};

/// The value that a loader gives and a step takes.
///
/// Derive it for your own structs and enums with `#[derive(Batch)]`. It is implemented for tensors,
/// for tuples, `Vec`, `Option`, `Box`, arrays and maps of batches, and for host values (numbers,
/// `String`, `PathBuf`), which pass every operation unchanged.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::Batch;
///
/// let device = Device::default();
/// let batch = (Tensor::<2>::zeros([16, 64], &device), Tensor::<1, Int>::zeros([16], &device));
/// assert_eq!(Batch::batch_size(&batch), Some(16));
/// let (_images, _targets) = Batch::to_device(batch, &device);
/// ```
#[diagnostic::on_unimplemented(
    message = "a batch and its fields must implement `Batch`, found `{Self}`",
    label = "cannot be moved to a device or counted",
    note = "write `#[derive(Batch)]` on `{Self}`; mark fields that are not tensors \
            `#[batch(host)]`, and the field that defines the batch size `#[batch(size)]`"
)]
pub trait Batch: Sized + Send + 'static {
    /// Whether a value of this type can carry a batch size at all.
    const SIZED: bool;

    /// The number of samples: dimension 0 of the first tensor. `None` without a tensor.
    fn batch_size(&self) -> Option<usize>;

    /// Moves every tensor to `device`. A tensor that is already there is not copied.
    ///
    /// Unlike with Burn's own `to_device`, a float tensor afterwards records gradients if and only
    /// if the device does.
    #[must_use]
    fn to_device(self, device: &Device) -> Self;

    /// Converts every float tensor to `dtype`. Integers, booleans and host values are unchanged.
    #[must_use]
    fn cast(self, dtype: FloatDType) -> Self;

    /// Moves every tensor into memory from which the copy to `device` is fast: pinned memory for a
    /// GPU. The tensors stay on the host. Workers call it with a loader's `pin_memory(true)`.
    #[must_use]
    fn stage(self, device: &Device) -> Self {
        let _ = device;
        self
    }
}

/// A field that `#[batch(size)]` can count: dimension 0 of a tensor, the length of a `Vec`, the
/// value of a `usize`.
#[diagnostic::on_unimplemented(
    message = "`#[batch(size)]` must be on a tensor, a `Vec` or a `usize`, found `{Self}`",
    label = "its number of samples is unknown",
    note = "move `#[batch(size)]` to a field with one of these types"
)]
pub trait BatchLen {
    /// The number of samples.
    fn batch_len(&self) -> usize;
}

/// The batch type of a step that a module does not have. It has no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBatch {}

/// The batch type of a step: a [`Batch`], or [`NoBatch`] if the module does not have the step.
/// `NoBatch` does not implement `Batch`, so that a missing step is reported once, and not a second
/// time for the loader.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a batch must implement `Batch`, found `{Self}`",
    label = "cannot be moved to a device or counted",
    note = "write `#[derive(Batch)]` on `{Self}`; mark fields that are not tensors \
            `#[batch(host)]`, and the field that defines the batch size `#[batch(size)]`"
)]
pub trait StepBatch: Sized + Send + 'static {
    /// Whether the module has the step.
    const PRESENT: bool;
    /// The number of samples.
    fn samples(&self) -> Option<usize>;
    /// Moves the batch to a device.
    #[must_use]
    fn on_device(self, device: &Device) -> Self;
    /// Converts the float tensors to a dtype.
    #[must_use]
    fn in_dtype(self, dtype: FloatDType) -> Self;
}

impl<B: Batch> StepBatch for B {
    const PRESENT: bool = true;

    fn samples(&self) -> Option<usize> {
        self.batch_size()
    }

    fn on_device(self, device: &Device) -> Self {
        self.to_device(device)
    }

    fn in_dtype(self, dtype: FloatDType) -> Self {
        self.cast(dtype)
    }
}

impl StepBatch for NoBatch {
    const PRESENT: bool = false;

    fn samples(&self) -> Option<usize> {
        match *self {}
    }

    fn on_device(self, _device: &Device) -> Self {
        match self {}
    }

    fn in_dtype(self, _dtype: FloatDType) -> Self {
        match self {}
    }
}

/// The first known size. Generated code calls it with the fields in order.
#[doc(hidden)]
pub fn first_size<const N: usize>(sizes: [Option<usize>; N]) -> Option<usize> {
    sizes.into_iter().flatten().next()
}

impl<const D: usize> Batch for Tensor<D> {
    const SIZED: bool = true;

    fn batch_size(&self) -> Option<usize> {
        self.dims().first().copied()
    }

    fn to_device(self, device: &Device) -> Self {
        // Burn records a move of a tracked tensor even to its own device, so the call is skipped.
        let moved = if self.device() == *device { self } else { Tensor::to_device(self, device) };
        // Burn's own `to_device` keeps the tensor's association with autodiff. A batch takes over
        // that of the device, because BatchNorm and Dropout decide by their input whether they are
        // training.
        match device.gradient_checkpointing_strategy() {
            Some(strategy) => moved.autodiff().with_gradient_checkpointing_strategy(strategy),
            None => moved.without_autodiff(),
        }
    }

    fn cast(self, dtype: FloatDType) -> Self {
        Tensor::<D>::cast(self, dtype)
    }

    fn stage(self, device: &Device) -> Self {
        staged(self, device)
    }
}

/// A tensor that is already on the device, or shares its memory, is returned unchanged.
fn staged<const D: usize, K: Basic>(tensor: Tensor<D, K>, device: &Device) -> Tensor<D, K> {
    let host = tensor.device();
    if host == *device {
        return tensor;
    }
    let dtype = tensor.dtype();
    let mut data = tensor.into_data();
    device.staging(std::iter::once(&mut data));
    Tensor::from_data(data, (&host, dtype))
}

macro_rules! discrete_tensor {
    ($($kind:ty),+) => {$(
        impl<const D: usize> Batch for Tensor<D, $kind> {
            const SIZED: bool = true;

            fn batch_size(&self) -> Option<usize> {
                self.dims().first().copied()
            }

            fn to_device(self, device: &Device) -> Self {
                if self.device() == *device { self } else { Tensor::to_device(self, device) }
            }

            fn cast(self, _dtype: FloatDType) -> Self {
                self
            }

            fn stage(self, device: &Device) -> Self {
                staged(self, device)
            }
        }
    )+};
}

discrete_tensor!(Int, Bool);

macro_rules! host_value {
    ($($value:ty),+ $(,)?) => {$(
        impl Batch for $value {
            const SIZED: bool = false;

            fn batch_size(&self) -> Option<usize> {
                None
            }

            fn to_device(self, _device: &Device) -> Self {
                self
            }

            fn cast(self, _dtype: FloatDType) -> Self {
                self
            }
        }
    )+};
}

host_value!(
    (),
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    &'static str,
    String,
    PathBuf,
);

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

macro_rules! tensor_len {
    ($($kind:ty),+) => {$(
        /// Dimension 0.
        impl<const D: usize> BatchLen for Tensor<D, $kind> {
            fn batch_len(&self) -> usize {
                self.dims().first().copied().unwrap_or(0)
            }
        }
    )+};
}

tensor_len!(burn::tensor::Float, Int, Bool);

/// The number of elements.
impl<T> BatchLen for Vec<T> {
    fn batch_len(&self) -> usize {
        self.len()
    }
}

/// The value itself.
impl BatchLen for usize {
    fn batch_len(&self) -> usize {
        *self
    }
}

#[cfg(test)]
mod tests;
