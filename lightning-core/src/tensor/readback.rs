//! Reads tensors of the training loop on the host. No other code in the loop does.

use std::cell::Cell;

use burn::tensor::{Device, Int, Tensor, TensorData, Transaction};

use super::labels;
use crate::error::{Error, ErrorKind, Result};

thread_local! {
    static WAITS: Cell<u64> = const { Cell::new(0) };
    static DEFERRED: Cell<bool> = const { Cell::new(false) };
}

/// Returns how often this thread has waited for a device to read logged values. For tests.
pub fn waits() -> u64 {
    WAITS.get()
}

/// Reads one-element tensors, all in one transaction.
// sync: once per log interval, per validation epoch, and when a hook or callback reads the metrics.
pub(crate) fn read(tensors: Vec<Tensor<1>>) -> Result<Vec<f64>> {
    let transaction = tensors.into_iter().fold(Transaction::default(), |all, tensor| all.register(tensor));
    let data = execute(transaction)?;
    Ok(data.iter().map(|data| data.iter::<f64>().next().unwrap_or(f64::NAN)).collect())
}

/// Reads whole tensors, all in one transaction.
// sync: once per stateful metric and epoch, or when its state has grown to its limit.
pub(crate) fn read_floats(tensors: Vec<Tensor<1>>) -> Result<Vec<Vec<f64>>> {
    let transaction = tensors.into_iter().fold(Transaction::default(), |all, tensor| all.register(tensor));
    Ok(execute(transaction)?.iter().map(|data| data.iter::<f64>().collect()).collect())
}

/// Reads counts. A negative number, which is not a count, is read as 0.
// sync: as `read_floats`.
pub(crate) fn read_integers(tensor: Tensor<1, Int>) -> Result<Vec<u64>> {
    Ok(execute(Transaction::default().register(tensor))?.iter().flat_map(counts).collect())
}

/// Reads the tensors of a transaction, and the labels that wait to be checked.
///
/// # Errors
/// If the device fails, or a label of a batch since the last call is not a class.
// sync: as the caller says.
pub(crate) fn execute(transaction: Transaction) -> Result<Vec<TensorData>> {
    WAITS.set(WAITS.get() + 1);
    let checks = labels::take_checks();
    let mut data = checks.register(transaction).try_execute().map_err(|error| {
        Error::new(ErrorKind::Device, format!("the device failed while metrics were read: {error:?}"))
    })?;
    checks.finish(&mut data)?;
    Ok(data)
}

fn counts(data: &TensorData) -> Vec<u64> {
    data.iter::<i64>().map(|count| u64::try_from(count).unwrap_or(0)).collect()
}

/// Reads one number of a tensor in host memory.
pub(crate) fn host_scalar(tensor: Tensor<1>) -> f64 {
    // sync: none, the data of a host device is there when the operation returns.
    tensor.into_data().iter::<f64>().next().unwrap_or(f64::NAN)
}

/// Reads the values of a tensor for other processes.
pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    // sync: once for each exchange of a layer.
    tensor.into_data().iter::<f32>().collect()
}

/// Reads numbers in host memory.
pub(crate) fn host_floats(tensor: Tensor<1>) -> Vec<f64> {
    // sync: none, as above.
    tensor.into_data().iter::<f64>().collect()
}

/// Reads counts in host memory.
pub(crate) fn host_integers(tensor: Tensor<1, Int>) -> Vec<u64> {
    // sync: none, as above.
    counts(&tensor.into_data())
}

/// Returns whether a metric reads its tensors on this device at once.
pub(crate) fn at_once(device: &Device) -> bool {
    !DEFERRED.get() && is_host(device)
}

/// Runs `body` with metrics that leave their tensors on the device, as they do on devices other
/// than the host.
pub(crate) fn deferring<R>(deferred: bool, body: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            DEFERRED.set(self.0);
        }
    }
    let _restore = Restore(DEFERRED.replace(deferred));
    body()
}

/// Returns whether the device computes in host memory as operations are issued, so that reading a
/// number does not wait.
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
