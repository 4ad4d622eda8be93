//! The calls of CUDA and NCCL: everything that is unsafe about them is in this file.
//!
//! The memory of a tensor belongs to Burn's CUDA backend, which queues its work on streams of its
//! own. A sum waits until the work of this thread has ended, runs on a stream of its own, and waits
//! for that. It reads one tensor and writes another that nobody else has.

use std::{
    any::Any,
    ffi::{CStr, c_char, c_int},
    mem::MaybeUninit,
    ptr,
    sync::{Arc, Mutex, PoisonError},
};

use burn::tensor::{DType, Device, Tensor, read_sync};
use burn_cubecl::{Cube, CubeDevice, cubecl::cuda::CudaRuntime, tensor::CubeTensor};
use cubecl_runtime::runtime::Runtime;
use cudarc::{
    driver::{CudaContext, CudaStream},
    nccl::{
        result::{self as nccl, NcclError},
        sys,
    },
};

use crate::error::{Error, ErrorKind, Result};

/// A CUDA device and the stream on which NCCL works.
#[derive(Debug)]
pub(super) struct Gpu {
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    identity: Vec<u8>,
}

impl Gpu {
    /// Opens the device of a run.
    ///
    /// # Errors
    /// If it is not a CUDA device, if NCCL is missing, or if the driver fails.
    pub(super) fn open(device: &Device) -> Result<Self> {
        let primitive = cube(Tensor::zeros([1], &device.clone().without_autodiff()))?;
        let CubeDevice::Cuda(cuda) = primitive.device else { return Err(not_cuda(device)) };
        // SAFETY: the call only looks whether the loader finds a library of one of the names, whose
        // initializers have no preconditions.
        if !unsafe { sys::is_culib_present() } {
            return Err(Error::config("the NCCL library `libnccl.so.2` cannot be opened").help(
                "install it (Debian and Ubuntu: `libnccl2`), or name its folder in `LD_LIBRARY_PATH`; without it, remove \
                 `nccl(true)`",
            ));
        }
        // The primary context of the device, which Burn's backend has too: addresses are valid in both.
        let context = CudaContext::new(cuda.index).map_err(driver("opening the device"))?;
        let identity = context.uuid().map_err(driver("asking for the device's identity"))?;
        let stream = context.new_stream().map_err(driver("making a stream"))?;
        Ok(Self { context, stream, identity: bytes(&identity.bytes) })
    }

    /// Returns what tells this GPU apart from all others, on any machine.
    pub(super) fn identity(&self) -> Vec<u8> {
        self.identity.clone()
    }
}

/// A communicator of NCCL, in which this process has one rank.
#[derive(Debug)]
pub(super) struct Communicator {
    gpu: Gpu,
    handle: Mutex<Handle>,
}

#[derive(Debug)]
struct Handle(sys::ncclComm_t);

// SAFETY: NCCL lets any thread call with a communicator, one at a time, for which there is the lock.
unsafe impl Send for Handle {}

impl Communicator {
    /// Returns the bytes by which ranks find each other; one rank makes them for all.
    ///
    /// # Errors
    /// If NCCL finds no network interface.
    pub(super) fn new_id() -> Result<Vec<u8>> {
        let id = nccl::get_uniqueid().map_err(failure("ncclGetUniqueId"))?;
        Ok(bytes(&id.internal))
    }

    /// Connects the ranks that have the same id. All of them make the call.
    ///
    /// # Errors
    /// If NCCL cannot connect them.
    pub(super) fn connect(gpu: Gpu, id: &[u8], rank: usize, world: usize) -> Result<Self> {
        let wrong = || Error::new(ErrorKind::Device, "the id of NCCL's ranks was lost on the way");
        let id: [u8; 128] = id.try_into().map_err(|_| wrong())?;
        let id = sys::ncclUniqueId { internal: id.map(|byte| c_char::from_ne_bytes([byte])) };
        let [rank, world] = [rank, world].map(|number| c_int::try_from(number).unwrap_or(c_int::MAX));
        gpu.context.bind_to_thread().map_err(driver("choosing the device"))?;
        let mut handle = MaybeUninit::uninit();
        // SAFETY: the current device is that of `gpu`, `id` comes from `ncclGetUniqueId`, and NCCL
        // writes the handle where it returns without an error.
        let handle = unsafe {
            nccl::comm_init_rank(handle.as_mut_ptr(), world, id, rank).map_err(failure("ncclCommInitRank"))?;
            handle.assume_init()
        };
        Ok(Self { gpu, handle: Mutex::new(Handle(handle)) })
    }

    /// Returns the sums over all ranks of values in `f32` or `f64`.
    ///
    /// # Errors
    /// If the device or NCCL fails.
    pub(super) fn sum(&self, values: Tensor<1>) -> Result<Tensor<1>> {
        let [count] = values.dims();
        let (kind, size) = match values.dtype() {
            DType::F64 => (sys::ncclDataType_t::ncclFloat64, size_of::<f64>()),
            _ => (sys::ncclDataType_t::ncclFloat32, size_of::<f32>()),
        };
        // A new tensor, since others may have the memory of `values`.
        let sums = Tensor::<1>::empty([count], (&values.device(), values.dtype()));
        let (from, to) = (cube(values)?, cube(sums.clone())?);
        let resource = |tensor: &CubeTensor| {
            let found = tensor.client.get_resource::<<CudaRuntime as Runtime>::Server>(tensor.handle.clone());
            found.map_err(|error| device_failed("the memory of a tensor was not found", &error))
        };
        // They keep the memory in its place until they are dropped.
        let (source, target) = (resource(&from)?, resource(&to)?);
        let needed = (count * size) as u64;
        if source.resource().size < needed || target.resource().size < needed {
            return Err(Error::new(ErrorKind::Device, "the memory of a tensor is smaller than its values"));
        }
        // What Burn has queued for the two tensors has run when this is ready.
        read_sync(from.client.sync()).map_err(|error| device_failed("the device failed", &error))?;
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        self.gpu.context.bind_to_thread().map_err(driver("choosing the device"))?;
        let source = ptr::with_exposed_provenance(source.resource().ptr as usize);
        let target = ptr::with_exposed_provenance_mut(target.resource().ptr as usize);
        let stream = self.gpu.stream.cu_stream().cast();
        // SAFETY: both addresses are memory of this device with `count` values of the type, which
        // `from` and `to` keep and which no queued work uses; nobody else has the target. The
        // communicator is connected, and the lock keeps other calls away.
        unsafe { nccl::all_reduce(source, target, count, kind, sys::ncclRedOp_t::ncclSum, handle.0, stream) }
            .map_err(failure("ncclAllReduce"))?;
        // sync: once for each bucket of gradients, so that Burn's streams find the sums.
        self.gpu.stream.synchronize().map_err(driver("waiting for the sums"))?;
        Ok(sums)
    }
}

impl Drop for Communicator {
    fn drop(&mut self) {
        let handle = self.handle.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Unlike `ncclCommDestroy` this does not wait for the other ranks, which may have failed.
        // SAFETY: the communicator is connected, every sum has been waited for, and nobody uses the
        // handle again.
        let _ = unsafe { nccl::comm_abort(handle.0) };
    }
}

/// Returns characters of C, which have a sign on some platforms, as bytes.
fn bytes(chars: &[c_char]) -> Vec<u8> {
    chars.iter().flat_map(|char| char.to_ne_bytes()).collect()
}

/// Returns the tensor of the backend for NVIDIA GPUs.
///
/// # Errors
/// If the tensor is of another backend, or of one that joins operations before it runs them.
fn cube(tensor: Tensor<1>) -> Result<CubeTensor> {
    let device = tensor.device();
    let primitive: Box<dyn Any> = Box::new(tensor.try_into_primitive::<Cube>().map_err(|_| not_cuda(&device))?);
    primitive.downcast().map(|tensor| *tensor).map_err(|_| {
        Error::config("it needs Burn without its feature `fusion`, with which tensors have no memory of their own")
            .help("build Burn without `fusion`, or remove `nccl(true)`")
    })
}

fn not_cuda(device: &Device) -> Error {
    Error::config(format!("it sums the gradients of CUDA devices, found {device:?}"))
        .help("write `.accelerator(\"cuda\")`, or remove `nccl(true)`")
}

fn device_failed(what: &str, error: &dyn std::fmt::Debug) -> Error {
    Error::new(ErrorKind::Device, format!("{what}: {error:?}"))
}

fn driver(what: &'static str) -> impl Fn(cudarc::driver::DriverError) -> Error {
    move |error| Error::new(ErrorKind::Device, format!("CUDA failed at {what}: {error}"))
}

fn failure(operation: &'static str) -> impl Fn(NcclError) -> Error {
    move |NcclError(code)| {
        // SAFETY: NCCL is open, since it has returned `code`, and returns the address of a text that
        // stays as it is.
        let text = unsafe { CStr::from_ptr(sys::ncclGetErrorString(code)) }.to_string_lossy();
        Error::new(ErrorKind::Device, format!("`{operation}` failed: {text}"))
            .help("set `NCCL_DEBUG=WARN`, with which NCCL prints what it has found")
    }
}
