//! Tensors of any rank and kind, to be written to or read from a file.

use burn::tensor::{
    Bool, DType, Device, Float, Int, Tensor, TensorData, Transaction,
    kind::{Basic, BridgeTensor},
};

use crate::{
    error::{Error, ErrorKind, Result},
    tensor::{any_rank::with_rank, readback},
};

/// A tensor to be saved. It shares its memory with the original, outside the autodiff graph.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "the size of a tensor depends on the backends of the build")]
pub(crate) enum Handle {
    /// On a device.
    Device(BridgeTensor),
    /// On the host.
    Host(TensorData),
}

impl Handle {
    /// Creates a handle of a float tensor, which is detached.
    pub(crate) fn float<const D: usize>(tensor: Tensor<D>) -> Self {
        Self::Device(tensor.inner().into_bridge())
    }

    /// Creates a handle of an integer or boolean tensor.
    pub(crate) fn other<const D: usize, K: Basic>(tensor: Tensor<D, K>) -> Self {
        Self::Device(tensor.into_bridge())
    }

    /// Returns the shape and the values of a float tensor in host memory; `None` for other tensors.
    /// A contiguous tensor is not copied.
    pub(crate) fn on_host(&self) -> Option<(Vec<usize>, Tensor<1>)> {
        let dims = self.dims();
        let Self::Device(tensor) = self else { return None };
        if !is_float(tensor.dtype()) || dims.contains(&0) {
            return None;
        }
        with_rank!(tensor.rank(), D => {
            let tensor = Tensor::<D>::from_bridge(tensor.clone());
            readback::is_host(&tensor.device()).then(|| (dims, tensor.reshape([-1])))
        }, None)
    }

    /// Returns a float tensor, whose values are moved to `device` if they are on the host; `None` for
    /// values of other types.
    pub(crate) fn into_float(self, device: &Device) -> Option<BridgeTensor> {
        match self {
            Self::Device(tensor) => Some(tensor),
            Self::Host(data) => float_on(device, data),
        }
    }

    /// Returns the tensor, if it is on a device.
    pub(crate) fn as_device(&self) -> Option<&BridgeTensor> {
        match self {
            Self::Device(tensor) => Some(tensor),
            Self::Host(_) => None,
        }
    }

    pub(crate) fn dtype(&self) -> DType {
        match self {
            Self::Device(tensor) => tensor.dtype(),
            Self::Host(data) => data.dtype(),
        }
    }

    /// Returns the tensor; `None` if it is on the host, or has another rank.
    pub(crate) fn into_tensor<const D: usize, K: Basic>(self) -> Option<Tensor<D, K>> {
        match self {
            Self::Device(tensor) if tensor.rank() == D => Some(Tensor::from_bridge(tensor)),
            _ => None,
        }
    }

    pub(crate) fn dims(&self) -> Vec<usize> {
        match self {
            Self::Device(tensor) => tensor.shape().as_slice().to_vec(),
            Self::Host(data) => data.shape().as_slice().to_vec(),
        }
    }
}

/// Reads the values of all handles in one transaction.
///
/// # Errors
/// If the device fails.
pub(crate) fn read_all(handles: Vec<Handle>) -> Result<Vec<TensorData>> {
    // sync: once per checkpoint.
    let mut transaction = Transaction::default();
    let mut places = Vec::with_capacity(handles.len());
    for handle in handles {
        match handle {
            Handle::Host(data) => places.push(Some(data)),
            Handle::Device(tensor) => {
                transaction = register(transaction, tensor)?;
                places.push(None);
            }
        }
    }
    let read = transaction.try_execute().map_err(|error| {
        Error::new(ErrorKind::Device, format!("the device failed while tensors were read: {error:?}"))
    })?;
    let mut read = read.into_iter();
    places
        .into_iter()
        .map(|place| {
            place
                .or_else(|| read.next())
                .ok_or_else(|| Error::new(ErrorKind::Device, "the device returned too few tensors"))
        })
        .collect()
}

fn register(transaction: Transaction, tensor: BridgeTensor) -> Result<Transaction> {
    let (rank, dtype) = (tensor.rank(), tensor.dtype());
    with_rank!(rank, D => Ok({
        if dtype.is_bool() {
            transaction.register(Tensor::<D, Bool>::from_dispatch(tensor.into()))
        } else if dtype.is_int() || dtype.is_uint() {
            transaction.register(Tensor::<D, Int>::from_bridge(tensor))
        } else {
            transaction.register(Tensor::<D, Float>::from_bridge(tensor))
        }
    }), Err(Error::new(ErrorKind::Checkpoint, format!("a tensor must have a rank from 1 to 8 to be saved, found {rank}"))))
}

/// Returns a tensor with other values, of the same kind and type and on the same device.
pub(crate) fn with_data(value: BridgeTensor, data: TensorData) -> BridgeTensor {
    fn of<const D: usize, K: Basic>(value: BridgeTensor, data: TensorData) -> BridgeTensor {
        let dtype = value.dtype();
        let device = Tensor::<D, K>::from_bridge(value).device();
        Tensor::<D, K>::from_data(data, (&device, dtype)).into_bridge()
    }
    let dtype = value.dtype();
    with_rank!(value.rank(), D => {
        if dtype.is_bool() {
            of::<D, Bool>(value, data)
        } else if dtype.is_int() || dtype.is_uint() {
            of::<D, Int>(value, data)
        } else {
            of::<D, Float>(value, data)
        }
    }, value)
}

/// Returns whether a type is a float type.
pub(crate) fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F64 | DType::F32 | DType::Flex32 | DType::F16 | DType::BF16)
}

/// Creates a float tensor of the type of `data` on `device`; `None` for other types, and for a rank
/// that parameters do not have.
pub(crate) fn float_on(device: &Device, data: TensorData) -> Option<BridgeTensor> {
    let dtype = data.dtype();
    if !is_float(dtype) {
        return None;
    }
    with_rank!(data.shape().as_slice().len(), D => Some(Tensor::<D>::from_data(data, (device, dtype)).into_bridge()), None)
}
