//! Tensors of any rank and kind on their way between a device and a file.

use burn::tensor::{
    Bool, DType, Device, Float, Int, Tensor, TensorData, Transaction,
    kind::{Basic, BridgeTensor},
};

use crate::{
    error::{Error, ErrorKind, Result},
    tensor::{any_rank::with_rank, readback},
};

/// A tensor that has been handed over for saving: it shares its memory with the original, outside of any graph.
#[derive(Clone, Debug)]
pub(crate) enum Handle {
    /// On a device.
    Device(BridgeTensor),
    /// On the host already.
    Host(TensorData),
}

impl Handle {
    /// A float tensor, detached.
    pub(crate) fn float<const D: usize>(tensor: Tensor<D>) -> Self {
        Self::Device(tensor.inner().into_bridge())
    }

    /// An integer or boolean tensor.
    pub(crate) fn other<const D: usize, K: Basic>(tensor: Tensor<D, K>) -> Self {
        Self::Device(tensor.into_bridge())
    }

    /// Shape and values of a float tensor whose memory is the host's already, without a copy where it lies in one piece; `None` for others.
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

    pub(crate) fn dims(&self) -> Vec<usize> {
        match self {
            Self::Device(tensor) => tensor.shape().as_slice().to_vec(),
            Self::Host(data) => data.shape().as_slice().to_vec(),
        }
    }
}

/// The values of all handles on the host, in one transaction.
///
/// # Errors
/// When the device fails.
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
                .ok_or_else(|| Error::new(ErrorKind::Device, "the device gave too few tensors back"))
        })
        .collect()
}

fn register(transaction: Transaction, tensor: BridgeTensor) -> Result<Transaction> {
    let (rank, dtype) = (tensor.rank(), tensor.dtype());
    with_rank!(rank, D => Ok({
        if dtype.is_bool() {
            transaction.register(Tensor::<D, Bool>::from_bridge(tensor))
        } else if dtype.is_int() || dtype.is_uint() {
            transaction.register(Tensor::<D, Int>::from_bridge(tensor))
        } else {
            transaction.register(Tensor::<D, Float>::from_bridge(tensor))
        }
    }), Err(Error::new(ErrorKind::Checkpoint, format!("a tensor of rank {rank} cannot be saved"))))
}

/// A tensor of the same kind, type and device with other values.
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

/// Whether elements of this type are floats.
pub(crate) fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F64 | DType::F32 | DType::Flex32 | DType::F16 | DType::BF16)
}

/// A float tensor of its own type on `device`; `None` for other types, and for a rank that no parameter has.
pub(crate) fn float_on(device: &Device, data: TensorData) -> Option<BridgeTensor> {
    let dtype = data.dtype();
    if !is_float(dtype) {
        return None;
    }
    with_rank!(data.shape().as_slice().len(), D => Some(Tensor::<D>::from_data(data, (device, dtype)).into_bridge()), None)
}
