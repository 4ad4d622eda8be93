//! What a batch can do: move to a device, change its float dtype, and say how many samples it
//! holds.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
    path::PathBuf,
};

use burn::tensor::{Bool, Device, FloatDType, Int, Tensor, kind::Basic};

/// One batch: what a loader gives and a step takes.
///
/// Write `#[derive(Batch)]` for your own structs and enums. Built in are tensors and tuples, `Vec`,
/// `Option`, `Box`, arrays and maps of batches, and plain host values (numbers, `String`,
/// `PathBuf`), which pass through every operation unchanged.
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
    message = "`{Self}` is not a batch",
    label = "cannot be moved to a device or counted",
    note = "derive it: write `#[derive(Batch)]` on `{Self}`; what is no tensor stays on the host: mark it `#[batch(host)]`, and `#[batch(size)]` where its length is the number of samples"
)]
pub trait Batch: Sized + Send + 'static {
    /// Whether a value of this type can carry a batch size at all.
    const SIZED: bool;

    /// How many samples the batch holds: dimension 0 of its first tensor. `None` where there is no
    /// tensor.
    fn batch_size(&self) -> Option<usize>;

    /// Moves every tensor to `device`. A tensor that is there already is handed back without a
    /// copy.
    ///
    /// Unlike Burn's own `to_device`, float tensors take over the device's association with
    /// autodiff.
    #[must_use]
    fn to_device(self, device: &Device) -> Self;

    /// Converts every float tensor to `dtype`; integers, booleans and host values stay as they are.
    #[must_use]
    fn cast(self, dtype: FloatDType) -> Self;

    /// Puts the memory of every tensor where a copy to `device` is fast: pinned memory, for a GPU.
    /// The tensors stay on the host. What a loader's `pin_memory` does on its workers.
    #[must_use]
    fn stage(self, device: &Device) -> Self {
        let _ = device;
        self
    }
}

/// What `#[batch(size)]` on a field counts: dimension 0 of a tensor, the length of a `Vec`, the
/// value of a `usize`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how many samples a batch holds",
    label = "`#[batch(size)]` cannot count this",
    note = "put `#[batch(size)]` on a tensor, a `Vec` or a `usize`"
)]
pub trait BatchLen {
    /// The number of samples.
    fn batch_len(&self) -> usize;
}

/// The batch of a step that a module does not have. No value of it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBatch {}

/// What a step takes: a [`Batch`], or [`NoBatch`] where the module does not have the step. That
/// `NoBatch` is no `Batch` is what lets a missing step be reported once, and not again for the
/// loader.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a batch",
    label = "cannot be moved to a device or counted",
    note = "derive it: write `#[derive(Batch)]` on `{Self}`; what is no tensor stays on the host: mark it `#[batch(host)]`, and `#[batch(size)]` where its length is the number of samples"
)]
pub trait StepBatch: Sized + Send + 'static {
    /// Whether there is a step that takes it.
    const PRESENT: bool;
    /// How many samples it holds.
    fn samples(&self) -> Option<usize>;
    /// The batch on the device.
    #[must_use]
    fn on_device(self, device: &Device) -> Self;
    /// The batch with its floats in a type.
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

/// The first size that is known; generated code calls it with the fields in their order.
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
        // Burn records the move of a tracked tensor even to its own device, so it is not asked for
        // without need.
        let moved = if self.device() == *device { self } else { Tensor::to_device(self, device) };
        // Burn's own `to_device` leaves the association with autodiff alone. A batch takes over the
        // device's: BatchNorm and Dropout decide by their input whether they are training.
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

/// A tensor that is on the device already, or shares its memory, is left alone.
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
        /// The size is that of the first member that has one.
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

/// The size is that of the first element: a `Vec<Tensor<2>>` is several inputs of one batch, and
/// dimension 0 of the first of them counts, not the length of the `Vec`. Where the length counts,
/// write `#[batch(size)]` at the field.
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

/// The size is that of any value that has one: the values of a map are inputs of the same batch.
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

/// The size is that of the first value that has one.
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
mod tests {
    use burn::tensor::DType;

    use super::*;

    fn floats(rows: usize) -> Tensor<2> {
        Tensor::ones([rows, 3], &Device::default())
    }

    fn sized<T: Batch>(_: &T) -> bool {
        T::SIZED
    }

    #[test]
    fn the_first_tensor_gives_the_size() {
        let device = Device::default();
        let ints = Tensor::<1, Int>::zeros([5], &device);
        let bools = Tensor::<3, Bool>::empty([6, 1, 1], &device);
        assert_eq!(floats(4).batch_size(), Some(4));
        assert_eq!(ints.batch_size(), Some(5));
        assert_eq!(bools.batch_size(), Some(6));
        assert_eq!((7_usize, String::from("host"), ints.clone(), floats(4)).batch_size(), Some(5));
        assert_eq!((1_u8, true).batch_size(), None);
        assert_eq!(vec![floats(2), floats(9)].batch_size(), Some(2));
        assert_eq!(Vec::<Tensor<2>>::new().batch_size(), None);
        assert_eq!([floats(3), floats(8)].batch_size(), Some(3));
        assert_eq!(Some(floats(3)).batch_size(), Some(3));
        assert_eq!(None::<Tensor<2>>.batch_size(), None);
        assert_eq!(Box::new(floats(3)).batch_size(), Some(3));
        assert_eq!(HashMap::from([("a", floats(6))]).batch_size(), Some(6));
        assert_eq!(BTreeMap::from([(2, None), (3, Some(floats(6)))]).batch_size(), Some(6));
        assert_eq!(first_size([None, Some(3), Some(4)]), Some(3));
        assert_eq!(first_size([]), None);
    }

    #[test]
    fn types_know_whether_they_can_have_a_size() {
        assert!(sized(&(1_usize, None::<Tensor<1>>)));
        assert!(sized(&vec![[floats(1)]]));
        assert!(!sized(&(1_usize, String::new(), vec![PathBuf::new()], ())));
        assert_eq!([<()>::SIZED, usize::SIZED], [false, false]);
    }

    #[test]
    fn only_floats_are_cast() {
        let batch = (floats(2), Tensor::<1, Int>::zeros([2], &Device::default()), 1.5_f64, vec![Some(floats(2))]);
        let int_dtype = batch.1.dtype();
        let (float, int, host, nested) = batch.cast(FloatDType::F16);
        assert_eq!(float.dtype(), DType::F16);
        assert_eq!(int.dtype(), int_dtype);
        assert_eq!(host.to_bits(), 1.5_f64.to_bits());
        assert_eq!(nested[0].as_ref().map(|tensor| tensor.dtype()), Some(DType::F16));
        let maps = (HashMap::from([(1, floats(1))]), BTreeMap::from([(1, Box::new([floats(1)]))]));
        let (hash, tree) = maps.cast(FloatDType::F64).to_device(&Device::default());
        assert_eq!(hash[&1].dtype(), DType::F64);
        assert_eq!(tree[&1][0].dtype(), DType::F64);
    }

    #[test]
    fn a_batch_takes_over_the_autodiff_of_its_device() {
        let device = Device::default();
        let moved = Batch::to_device(floats(1), &device.clone().autodiff());
        assert!(moved.is_autodiff() && !moved.is_require_grad());
        assert!(!Batch::to_device(moved, &device).is_autodiff());
        let moved = Batch::to_device(floats(1), &device.autodiff().gradient_checkpointing());
        assert_eq!(
            moved.device().gradient_checkpointing_strategy(),
            Device::default().autodiff().gradient_checkpointing().gradient_checkpointing_strategy()
        );
    }

    /// A move to the device where a tracked leaf already is leaves it the same leaf: the gradient
    /// still arrives there.
    #[test]
    fn a_move_to_the_same_device_is_no_operation() {
        let device = Device::default().autodiff();
        let leaf = Tensor::<1>::ones([3], &device).require_grad();
        let moved = Batch::to_device(leaf.clone(), &device);
        assert!(moved.is_require_grad());
        let grads = moved.powi_scalar(2).sum().backward();
        assert!(leaf.grad(&grads).is_some());
    }

    /// There is one device here, on which nothing has to be staged: what can be tested is that
    /// every kind of batch passes through.
    #[test]
    fn staging_changes_no_value() {
        let device = Device::default();
        let mut hash = HashMap::new();
        hash.insert(1, Box::new(floats(2)));
        let batch = ((floats(3), [Tensor::<1, Int>::ones([3], &device)]), vec![Some(floats(1))], hash, "host");
        let staged = batch.clone().stage(&device.autodiff());
        assert_eq!(staged.0.0.to_data(), batch.0.0.to_data());
        assert_eq!(staged.0.1[0].to_data(), batch.0.1[0].to_data());
        assert_eq!(
            staged.1[0].as_ref().map(|tensor| tensor.to_data()),
            batch.1[0].as_ref().map(|tensor| tensor.to_data())
        );
        assert_eq!((staged.2[&1].to_data(), staged.3), (batch.2[&1].to_data(), "host"));
    }

    #[test]
    fn lengths_for_the_size_attribute() {
        assert_eq!(floats(4).batch_len(), 4);
        assert_eq!(Tensor::<1, Int>::zeros([5], &Device::default()).batch_len(), 5);
        assert_eq!(vec!["a", "b"].batch_len(), 2);
        assert_eq!(7_usize.batch_len(), 7);
    }
}
