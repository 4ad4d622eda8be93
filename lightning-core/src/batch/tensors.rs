//! Tensors as batches.

use burn::tensor::{Bool, Device, FloatDType, Int, Tensor, kind::Basic};

use super::Batch;

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
    // sync: none, the tensor is in host memory.
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
