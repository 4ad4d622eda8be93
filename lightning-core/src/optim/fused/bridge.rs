//! Between Burn's tensors of any rank and slices in host memory.

use burn::tensor::{DType, Device, Tensor, TensorData, kind::BridgeTensor};

use crate::tensor::{any_rank::with_rank, readback};

pub(super) fn device(tensor: &BridgeTensor) -> Device {
    with_rank!(tensor.rank(), D => Tensor::<D>::from_bridge(tensor.clone()).device(), Device::default())
}

/// Returns the device of a tensor that a pass can work on: `f32` or `f64` in host memory.
pub(super) fn host_device(tensor: &BridgeTensor) -> Option<Device> {
    let is_supported = matches!(tensor.dtype(), DType::F32 | DType::F64) && (1..=8).contains(&tensor.rank());
    is_supported.then(|| device(tensor)).filter(readback::is_host)
}

/// Returns the values, without a copy if `tensor` is their only owner.
pub(super) fn into_data(tensor: BridgeTensor) -> TensorData {
    // sync: none, the data of a host device is there when the operation returns.
    with_rank!(tensor.rank(), D => Tensor::<D>::from_bridge(tensor).into_data(), TensorData::new(Vec::<f32>::new(), [0]))
}

pub(super) fn from_data(data: TensorData, device: &Device) -> BridgeTensor {
    let dtype = data.dtype();
    with_rank!(
        data.rank(),
        D => Tensor::<D>::from_data(data, (device, dtype)).into_bridge(),
        Tensor::<1>::from_data(data, (device, dtype)).into_bridge()
    )
}

pub(super) fn scaled(gradient: BridgeTensor, factor: f64) -> BridgeTensor {
    with_rank!(gradient.rank(), D => Tensor::<D>::from_bridge(gradient).mul_scalar(factor).into_bridge(), gradient)
}
