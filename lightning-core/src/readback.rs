//! The one place where tensors of the training loop come back to the host.

use std::cell::Cell;

use burn::tensor::{Device, Tensor, Transaction};

use crate::error::{Error, ErrorKind, Result};

thread_local! {
    static WAITS: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has waited for a device to hand back logged values. A test counts it.
pub fn waits() -> u64 {
    WAITS.get()
}

/// Reads one-element tensors, all in one transaction.
// sync: once per log interval, per validation epoch, and when somebody asks for the metrics.
pub(crate) fn read(tensors: Vec<Tensor<1>>) -> Result<Vec<f64>> {
    WAITS.set(WAITS.get() + 1);
    let transaction = tensors.into_iter().fold(Transaction::default(), |all, tensor| all.register(tensor));
    let data = transaction.try_execute().map_err(|error| {
        Error::new(ErrorKind::Device, format!("the device failed while metrics were read: {error:?}"))
    })?;
    Ok(data.iter().map(|data| data.iter::<f64>().next().unwrap_or(f64::NAN)).collect())
}

/// Reads one number of a tensor that already lies in host memory.
pub(crate) fn host_scalar(tensor: Tensor<1>) -> f64 {
    // sync: none, the data of a host device is there when the operation returns.
    tensor.into_data().iter::<f64>().next().unwrap_or(f64::NAN)
}

/// Whether the device computes in host memory as operations are issued, so that reading a number waits for nothing.
pub(crate) fn is_host(device: &Device) -> bool {
    let _ = device;
    #[cfg(feature = "flex")]
    if *device == Device::flex() {
        return true;
    }
    #[cfg(feature = "ndarray")]
    {
        #[expect(deprecated, reason = "the feature exists as long as Burn has the backend")]
        if *device == Device::ndarray() {
            return true;
        }
    }
    false
}
